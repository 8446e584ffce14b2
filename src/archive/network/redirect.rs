//! Where a redirect may lead.

use std::net::IpAddr;

/// The URI that a redirect from `base` to `target` means.
///
/// # Errors
/// Nobody may be led there: to another scheme than `http` and `https`, from `https` to `http`, or from
/// elsewhere to this machine or its neighbours.
pub(super) fn follow(base: &str, target: &str) -> Result<String, String> {
    let uri = absolute(base, target);
    let refused = |why: &str| Err(format!("it redirects to {why}"));
    match (scheme(base), scheme(&uri)) {
        ("https", "http") => return refused("http, without encryption"),
        (_, "http" | "https") => {}
        _ => return refused("something that is not http or https"),
    }
    if uri.chars().any(|char| char.is_control() || char == ' ') {
        return refused("something that is no URI");
    }
    if is_near(host(&uri)) && !is_near(host(base)) {
        return refused("an address of this machine or its network");
    }
    Ok(uri)
}

fn scheme(uri: &str) -> &str {
    uri.split_once("://").map_or("", |(scheme, _)| scheme)
}

fn host(uri: &str) -> &str {
    let rest = uri.split_once("://").map_or(uri, |(_, rest)| rest);
    let authority = rest.split(['/', '?', '#']).next().unwrap_or(rest);
    let authority = authority.rsplit('@').next().unwrap_or(authority);
    match authority.strip_prefix('[') {
        Some(rest) => rest.split(']').next().unwrap_or(rest),
        None => authority.split(':').next().unwrap_or(authority),
    }
}

/// Whether a host is named as one of this machine or a private network (RFC 1918, 3927, 4193, 4291,
/// 6761). What a name elsewhere leads to is its owner's business.
fn is_near(host: &str) -> bool {
    let name = host.trim_end_matches('.').to_ascii_lowercase();
    match host.parse::<IpAddr>() {
        Ok(IpAddr::V4(address)) => {
            address.is_loopback()
                || address.is_private()
                || address.is_link_local()
                || address.is_unspecified()
        }
        Ok(IpAddr::V6(address)) => {
            let mapped = address.to_ipv4_mapped();
            address.is_loopback()
                || address.is_unspecified()
                || address.is_unique_local()
                || address.is_unicast_link_local()
                || mapped.is_some_and(|address| is_near(&address.to_string()))
        }
        Err(_) => name == "localhost" || name.ends_with(".localhost"),
    }
}

fn absolute(base: &str, target: &str) -> String {
    if target.contains("://") {
        return target.to_owned();
    }
    let (scheme, rest) = base.split_once("://").unwrap_or(("http", base));
    if target.starts_with("//") {
        return format!("{scheme}:{target}");
    }
    let authority = rest.split('/').next().unwrap_or(rest);
    if target.starts_with('/') {
        return format!("{scheme}://{authority}{target}");
    }
    let directory = base
        .rsplit_once('/')
        .map_or(base, |(directory, _)| directory);
    format!("{directory}/{target}")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn where_one_may_be_led() {
        for (base, target, uri) in [
            ("http://a/x/y", "z", "http://a/x/z"),
            ("http://a/x/y", "/z", "http://a/z"),
            ("http://a/x/y", "//b/z", "http://b/z"),
            ("http://a/x", "https://b/z", "https://b/z"),
            (
                "http://127.0.0.1:1/x",
                "http://127.0.0.1:2/z",
                "http://127.0.0.1:2/z",
            ),
            (
                "http://10.0.0.1/x",
                "http://localhost/z",
                "http://localhost/z",
            ),
        ] {
            assert_eq!(follow(base, target).as_deref(), Ok(uri), "{target}");
        }
    }

    #[test]
    fn where_nobody_is_led() {
        for (base, target) in [
            ("https://a/x", "http://a/x"),
            ("http://a/x", "file:///etc/passwd"),
            ("http://a/x", "ftp://b/"),
            ("http://a/x", "http://localhost/"),
            ("http://a/x", "http://LOCALHOST./"),
            ("http://a/x", "http://127.0.0.2:80/"),
            ("http://a/x", "http://x@10.1.2.3/"),
            ("http://a/x", "http://169.254.169.254/latest"),
            ("http://a/x", "http://[::1]/"),
            ("http://a/x", "http://[::ffff:127.0.0.1]/"),
            ("http://a/x", "http://[fd00::1]/"),
            ("http://a/x", "http://b/\r\nX: y"),
        ] {
            assert!(follow(base, target).is_err(), "{target}");
        }
    }
}
