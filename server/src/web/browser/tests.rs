use super::*;

const OWN: &str = "https://chat.example.org";

fn is(method: &Method, pairs: &[(&'static str, &'static str)]) -> bool {
    let headers = pairs.iter().map(|(name, value)| (HeaderName::from_static(name), value.parse().unwrap())).collect();
    is_own(OWN, method, &headers)
}

#[test]
fn what_changes_something_comes_from_an_own_page() {
    for method in [Method::POST, Method::PATCH, Method::PUT, Method::DELETE] {
        assert!(is(&method, &[("origin", OWN)]));
        assert!(is(&method, &[("origin", "https://chat.example.org:443"), ("sec-fetch-site", "same-origin")]));
        for origin in [
            "",
            "null",
            "http://chat.example.org",
            "https://chat.example.org:8443",
            "https://evil.chat.example.org",
            "https://chat.example.org.evil.example",
            "https://evil.example",
            "file:///chat.example.org",
            "data:text/html,x",
        ] {
            assert!(!is(&method, &[("origin", origin)]), "{method} {origin}");
        }
        assert!(!is(&method, &[]), "{method} without an origin");
        for site in ["cross-site", "same-site", "none", "another"] {
            assert!(!is(&method, &[("origin", OWN), ("sec-fetch-site", site)]), "{method} {site}");
        }
    }
}

#[test]
fn reading_is_for_own_pages_and_for_links_that_are_followed() {
    let site = |site, more: &[_]| is(&Method::GET, &[&[("sec-fetch-site", site)], more].concat());
    assert!(is(&Method::GET, &[]));
    assert!(site("same-origin", &[]));
    assert!(site("none", &[]));
    for other in ["cross-site", "same-site"] {
        assert!(site(other, &[("sec-fetch-mode", "navigate"), ("sec-fetch-dest", "document")]), "{other}");
        for (mode, dest) in [("no-cors", "image"), ("cors", "empty"), ("navigate", "iframe"), ("no-cors", "script")] {
            assert!(!site(other, &[("sec-fetch-mode", mode), ("sec-fetch-dest", dest)]), "{other} {mode} {dest}");
        }
    }
}
