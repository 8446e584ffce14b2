//! Fetching: resume, retries, proxies; nothing wrong ever enters the cache.

use std::time::Duration;

use karat::archive::{Cache, FetchError, Location, Network, Patience, Proxies};
use karat::tree::Content;

use crate::support::Scratch;
use crate::support::server::{Manners, Server};

fn patience() -> Patience {
    Patience {
        timeout: Duration::from_secs(20),
        retries: 3,
        pause: Duration::ZERO,
    }
}

fn direct() -> Network {
    Network::new(Proxies::default(), patience())
}

/// A directory with one file of 300,000 bytes, an empty cache, and a server.
fn place(name: &str, manners: Manners) -> (Scratch, Cache, Server, Content, Location) {
    let scratch = Scratch::new(name);
    let bytes: Vec<u8> = (0..300_000u32).map(|number| (number % 251) as u8).collect();
    std::fs::create_dir(scratch.join("www")).unwrap();
    std::fs::write(scratch.join("www/file"), &bytes).unwrap();
    let cache = Cache::open(&scratch.join("cache")).unwrap();
    let server = Server::start(scratch.join("www"), manners);
    let uri: Location = format!("{}/file", server.uri()).parse().unwrap();
    (scratch, cache, server, Content::of(&bytes), uri)
}

#[test]
fn fetched_once() {
    let (_scratch, cache, server, content, uri) = place("network", Manners::default());
    let path = direct().fetch(&uri, &content, &cache, &|_| ()).unwrap();
    assert_eq!(Content::of(&std::fs::read(path).unwrap()), content);
    direct().fetch(&uri, &content, &cache, &|_| ()).unwrap();
    assert_eq!(server.requests(), ["/file"]);
}

#[test]
fn broken_connection_is_resumed() {
    let manners = Manners {
        break_after: Some(100_000),
        ..Manners::default()
    };
    let (_scratch, cache, server, content, uri) = place("network", manners);
    let path = direct().fetch(&uri, &content, &cache, &|_| ()).unwrap();
    assert_eq!(Content::of(&std::fs::read(path).unwrap()), content);
    assert_eq!(
        server.requests(),
        ["/file", "/file bytes=100000-", "/file bytes=200000-"]
    );
}

#[test]
fn server_that_cannot_resume() {
    let (scratch, cache, server, content, uri) = place(
        "network",
        Manners {
            no_ranges: true,
            ..Manners::default()
        },
    );
    let partial = scratch
        .join("cache/partial")
        .join(content.digest.to_string());
    std::fs::write(
        partial,
        &std::fs::read(scratch.join("www/file")).unwrap()[..5000],
    )
    .unwrap();
    direct().fetch(&uri, &content, &cache, &|_| ()).unwrap();
    assert_eq!(server.requests(), ["/file bytes=5000-"]);
}

#[test]
fn leftover_of_another_file_is_not_built_upon() {
    let (scratch, cache, server, content, uri) = place("network", Manners::default());
    let partial = scratch
        .join("cache/partial")
        .join(content.digest.to_string());
    std::fs::write(partial, vec![7; 5000]).unwrap();
    let path = direct().fetch(&uri, &content, &cache, &|_| ()).unwrap();
    assert_eq!(Content::of(&std::fs::read(path).unwrap()), content);
    assert_eq!(server.requests(), ["/file bytes=5000-", "/file"]);
}

#[test]
fn busy_server_is_asked_again() {
    let manners = Manners {
        busy_once: true,
        ..Manners::default()
    };
    let (_scratch, cache, server, content, uri) = place("network", manners);
    direct().fetch(&uri, &content, &cache, &|_| ()).unwrap();
    assert_eq!(server.requests(), ["/file", "/file"]);
}

#[test]
fn connection_that_always_breaks() {
    let manners = Manners {
        break_after: Some(10),
        ..Manners::default()
    };
    let (_scratch, cache, server, content, uri) = place("network", manners);
    let error = direct().fetch(&uri, &content, &cache, &|_| ()).unwrap_err();
    assert!(matches!(error, FetchError::Transport { .. }), "{error}");
    assert_eq!(server.requests().len(), 4);
    assert_eq!(cache.find(&content).unwrap(), None);
}

#[test]
fn wrong_bytes_do_not_enter_the_cache() {
    let (scratch, cache, _server, content, uri) = place("network", Manners::default());
    for change in ["same size", "longer"] {
        let mut bytes = std::fs::read(scratch.join("www/file")).unwrap();
        bytes[1000] ^= 1;
        if change == "longer" {
            bytes.push(0);
        }
        std::fs::write(scratch.join("www/file"), bytes).unwrap();
        for uri in [uri.clone(), Location::File(scratch.join("www/file"))] {
            let error = direct().fetch(&uri, &content, &cache, &|_| ()).unwrap_err();
            assert!(
                matches!(error, FetchError::WrongBytes { .. }),
                "{change}: {error}"
            );
            assert_eq!(cache.find(&content).unwrap(), None);
        }
    }
}

#[test]
fn oversized_answer_is_cut_off() {
    let (_scratch, _cache, _server, content, uri) = place("network", Manners::default());
    let error = direct().get(&uri, content.size - 1).unwrap_err();
    assert!(matches!(error, FetchError::TooLarge { .. }), "{error}");
    assert_eq!(direct().get(&uri, content.size).unwrap().len(), 300_000);
}

#[test]
fn missing_file() {
    let (scratch, cache, server, content, _) = place("network", Manners::default());
    for uri in [
        format!("{}/none", server.uri()).parse().unwrap(),
        Location::File(scratch.join("none")),
    ] {
        let error = direct().fetch(&uri, &content, &cache, &|_| ()).unwrap_err();
        assert!(matches!(error, FetchError::NotFound(_)), "{error}");
    }
    assert_eq!(server.requests().len(), 1, "asking again does not help");
}

#[test]
fn offline_asks_nobody() {
    let (scratch, cache, server, content, uri) = place("network", Manners::default());
    let network = direct().offline();
    let error = network.fetch(&uri, &content, &cache, &|_| ()).unwrap_err();
    assert!(matches!(error, FetchError::Offline(_)), "{error}");
    assert!(server.requests().is_empty());
    let file = Location::File(scratch.join("www/file"));
    network.fetch(&file, &content, &cache, &|_| ()).unwrap();
}

#[test]
fn proxy_is_asked_for_the_whole_uri() {
    let (_scratch, cache, proxy, content, _) = place("network", Manners::default());
    let proxies = Proxies {
        http: Some(proxy.uri()),
        ..Proxies::default()
    };
    // Nobody has that name: only the proxy can answer.
    let uri: Location = "http://mirror.invalid/file".parse().unwrap();
    let network = Network::new(proxies.clone(), patience());
    network.fetch(&uri, &content, &cache, &|_| ()).unwrap();
    assert_eq!(proxy.requests(), ["http://mirror.invalid/file"]);
}

#[test]
fn broken_connection_through_a_proxy_is_resumed() {
    let manners = Manners {
        break_after: Some(200_000),
        ..Manners::default()
    };
    let (_scratch, cache, proxy, content, _) = place("network", manners);
    let proxies = Proxies {
        http: Some(proxy.uri()),
        ..Proxies::default()
    };
    let uri: Location = "http://mirror.invalid/file".parse().unwrap();
    let network = Network::new(proxies, patience());
    network.fetch(&uri, &content, &cache, &|_| ()).unwrap();
    assert_eq!(
        proxy.requests(),
        [
            "http://mirror.invalid/file",
            "http://mirror.invalid/file bytes=200000-"
        ]
    );
}

#[test]
fn no_proxy_is_honoured() {
    let (_scratch, cache, server, content, uri) = place("network", Manners::default());
    let proxies = Proxies {
        http: Some("http://proxy.invalid:1".to_owned()),
        https: None,
        except: vec!["127.0.0.1".to_owned()],
    };
    let network = Network::new(proxies, patience());
    network.fetch(&uri, &content, &cache, &|_| ()).unwrap();
    assert_eq!(server.requests(), ["/file"]);
}
