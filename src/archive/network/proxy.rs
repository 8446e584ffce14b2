//! Which proxy, if any: `http_proxy`, `https_proxy`, `no_proxy`.

/// The proxies that the environment names.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Proxies {
    /// For `http:` URIs.
    pub http: Option<String>,
    /// For `https:` URIs.
    pub https: Option<String>,
    /// Hosts that are reached directly: names, domains (`.example.org`), `*` for all.
    pub except: Vec<String>,
}

impl Proxies {
    /// Reads the environment through `variable`; lower-case names win, and an empty value is none.
    pub fn from_environment(variable: &dyn Fn(&str) -> Option<String>) -> Self {
        let either = |lower: &str| variable(lower).or_else(|| variable(&lower.to_uppercase()));
        let except = either("no_proxy").unwrap_or_default();
        Self {
            http: either("http_proxy").or_else(|| either("all_proxy")),
            https: either("https_proxy").or_else(|| either("all_proxy")),
            except: except
                .split([',', ' '])
                .map(|one| one.trim().to_ascii_lowercase())
                .filter(|one| !one.is_empty())
                .collect(),
        }
    }

    /// The proxy for a URI with this scheme and authority.
    pub fn choose(&self, scheme: &str, authority: &str) -> Option<&str> {
        let proxy = match scheme {
            "https" => self.https.as_deref(),
            _ => self.http.as_deref(),
        };
        proxy.filter(|_| !self.is_excepted(authority))
    }

    fn is_excepted(&self, authority: &str) -> bool {
        let authority = authority.to_ascii_lowercase();
        let host = host(&authority);
        self.except.iter().any(|one| {
            let domain = one.trim_start_matches("*.").trim_start_matches('.');
            let below = |domain: &str| {
                let rest = host.strip_suffix(domain);
                rest.is_some_and(|rest| rest.is_empty() || rest.ends_with('.'))
            };
            one == "*" || *one == authority || (!domain.is_empty() && below(domain))
        })
    }
}

/// The host of `host:port`, also where the host is an IPv6 address in brackets.
fn host(authority: &str) -> &str {
    if let Some(rest) = authority.strip_prefix('[') {
        return rest.split(']').next().unwrap_or(rest);
    }
    authority.split(':').next().unwrap_or(authority)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn proxies() -> Proxies {
        Proxies::from_environment(&|name| {
            let value = match name {
                "http_proxy" => "http://lower:3128",
                "HTTP_PROXY" => "http://upper:3128",
                "HTTPS_PROXY" => "http://secure:3128",
                "no_proxy" => "localhost, .example.org,10.0.0.1,[::1]:80 *.net",
                _ => return None,
            };
            Some(value.to_owned())
        })
    }

    #[test]
    fn each_scheme_has_its_own() {
        let proxies = proxies();
        assert_eq!(proxies.choose("http", "host"), Some("http://lower:3128"));
        assert_eq!(proxies.choose("https", "host"), Some("http://secure:3128"));
    }

    #[test]
    fn exceptions() {
        let proxies = proxies();
        for (authority, direct) in [
            ("localhost:8080", true),
            ("LocalHost", true),
            ("example.org", true),
            ("deb.example.org", true),
            ("badexample.org", false),
            ("10.0.0.1:80", true),
            ("10.0.0.10", false),
            ("[::1]:80", true),
            ("host.net", true),
            ("host.com", false),
        ] {
            assert_eq!(
                proxies.choose("http", authority).is_none(),
                direct,
                "{authority}"
            );
        }
        let all = Proxies {
            except: vec!["*".to_owned()],
            ..proxies
        };
        assert_eq!(all.choose("http", "host"), None);
    }
}
