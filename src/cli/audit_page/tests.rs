//! What must hold for any report: hostile words stay text, nothing is fetched, the same report gives the
//! same page, a large log a page of bounded size.

use super::entries::NEWEST;
use super::page;
use crate::ops::audit::sample;

/// What would steer a page, were it not text.
const HOSTILE: &str = "</script><script>alert(1)</script><!--\"'&<img src=x onerror=alert(1)>]]>\u{202e}\u{7}\u{2028}";

#[test]
fn hostile_words_stay_text() {
    let good = page(&sample(60, ""));
    let page = page(&sample(60, HOSTILE));
    for refused in [
        "<script>alert",
        "<img",
        "onerror=alert(1)>",
        "<!--\"",
        "\u{202e}",
        "\u{7}",
        "\u{2028}",
    ] {
        assert!(!page.contains(refused), "{refused:?}");
    }
    assert!(page.contains(
        "&lt;/script&gt;&lt;script&gt;alert(1)&lt;/script&gt;&lt;!--&quot;&#39;&amp;&lt;img"
    ));
    assert!(page.contains("\\xe2\\x80\\xae\\x07"));
    // There are as many elements as without them.
    let tags = |page: &str| {
        let options = page.matches("<option").count();
        (
            page.matches('<').count() - options,
            page.matches('>').count(),
            page.matches('"').count(),
        )
    };
    assert_eq!(tags(&page), tags(&good));
}

#[test]
fn nothing_is_fetched_and_the_policy_names_what_is_there() {
    let page = page(&sample(60, ""));
    // The one address that is no reference: none at all.
    for outside in [
        "http:", "https:", "//", "src=", "@import", "url(h", "<link", "<iframe", "style=\"",
    ] {
        let found: Vec<&str> = page
            .lines()
            .filter(|line| line.contains(outside) && !line.trim_start().starts_with("//"))
            .collect();
        assert!(found.is_empty(), "{outside}: {found:?}");
    }
    let between = |open: &str, close: &str| {
        let (_, rest) = page.split_once(open).unwrap();
        rest.split_once(close).unwrap().0.to_owned()
    };
    for (kind, text) in [
        ("style", between("<style>", "</style>")),
        ("script", between("<script>", "</script>")),
    ] {
        use base64::Engine as _;
        let digest = crate::digest::Digest::of(text.as_bytes());
        let digest = base64::engine::general_purpose::STANDARD.encode(digest.as_bytes());
        assert!(
            page.contains(&format!("{kind}-src 'sha256-{digest}'")),
            "{kind}"
        );
    }
    assert!(page.contains("default-src 'none'"));
    // Links lead to places in the page only, each of which is there.
    for link in page.split("href=\"").skip(1) {
        let target = link
            .split('"')
            .next()
            .unwrap()
            .strip_prefix('#')
            .expect("a place in the page");
        assert!(page.contains(&format!(" id=\"{target}\"")), "{target}");
    }
}

#[test]
fn the_same_report_gives_the_same_page() {
    assert_eq!(page(&sample(200, "")), page(&sample(200, "")));
}

#[test]
fn all_that_a_report_has_is_on_the_page() {
    let page = page(&sample(60, ""));
    for said in [
        "<strong>Untrusted</strong>",
        "KA308",
        "KA304",
        "Acknowledged by",
        "release-2025",
        "release-2026",
        "the laptop was lost",
        "root: 2 of 3 must sign",
        "not in the log",
        "witness.example/w1",
        "3.5.4-1",
        "to come",
        "known to no trust root",
        "does not verify",
        "unknown key",
        "id=\"e0\"",
        "id=\"e59\"",
        "13.1",
    ] {
        assert!(page.contains(said), "{said}");
    }
}

#[test]
fn a_large_log_has_a_page_of_bounded_size() {
    let page = page(&sample(100_000, ""));
    assert!(page.len() < 6 << 20, "{} bytes", page.len());
    let rows = page.matches("<tr id=\"e").count();
    // The newest, and four that findings name.
    assert_eq!(u64::try_from(rows).unwrap(), NEWEST + 4);
    assert!(page.contains("Of 100,000 entries this table has 2,004"));
    assert!(page.matches("<g class=\"bar\">").count() <= 116);
}

#[test]
fn an_empty_log_has_a_page() {
    let mut report = sample(60, "");
    report.entries = crate::ops::audit::Entries::default();
    report.codes.clear();
    report.findings.clear();
    report.keys.clear();
    report.roots.clear();
    report.images.clear();
    // What is left names entries; their rows are not on the page, and nothing may lead there.
    report.notices.clear();
    report.changes.clear();
    report.log.tree_size = 0;
    let page = page(&report);
    for said in [
        "There are no entries.",
        "Nothing was found.",
        "There are no keys.",
        "None is at hand.",
    ] {
        assert!(page.contains(said), "{said}");
    }
    assert!(!page.contains("<svg"));
}
