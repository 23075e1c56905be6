use super::*;

fn sent(cookies: &[&str]) -> HeaderMap {
    cookies.iter().map(|cookie| (header::COOKIE, cookie.parse().unwrap())).collect()
}

#[test]
fn a_cookie_is_found_among_others_and_only_by_its_own_name() {
    let token = Token::random().unwrap();
    let given = token.cookie("acme").unwrap();
    assert!(given.is_sensitive());
    let given = given.to_str().unwrap();
    let (pair, rest) = given.split_once("; ").unwrap();
    assert_eq!(rest, "Path=/; Max-Age=2592000; Secure; HttpOnly; SameSite=Lax");
    let found =
        |cookies: &[&str], workspace| Token::of(&sent(cookies), &cookie_name(workspace)).map(|token| token.hash());
    assert_eq!(found(&[pair], "acme"), Some(token.hash()));
    assert_eq!(found(&[&format!("a=b;{pair}; c=d")], "acme"), Some(token.hash()));
    assert_eq!(found(&["a=b", pair], "acme"), Some(token.hash()));
    assert_eq!(found(&[pair], "acm"), None);
    assert_eq!(found(&[pair], "acme-2"), None);
    assert_eq!(found(&[&pair.replace("__Host-", "")], "acme"), None);
    assert_eq!(found(&[pair, pair], "acme"), None);
    // Being known is no session, in whatever workspace.
    let known = token.known_cookie("acme").unwrap();
    let (known, _) = known.to_str().unwrap().split_once("; ").unwrap();
    assert_eq!(found(&[known], "acme"), None);
    assert_eq!(found(&[&format!("{known}; {pair}")], "acme"), Some(token.hash()));
    for bad in ["__Host-thechatapp-acme=", "__Host-thechatapp-acme", "__Host-thechatapp-acme=AAAA", ""] {
        assert_eq!(found(&[bad], "acme"), None, "{bad}");
    }
}

#[test]
fn a_token_is_not_shown() {
    let token = Token::random().unwrap();
    let cookie = token.cookie("acme").unwrap();
    let secret = cookie.to_str().unwrap().split(['=', ';']).nth(1).unwrap();
    assert!(!format!("{token:?} {cookie:?}").contains(secret));
}
