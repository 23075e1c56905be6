use super::*;

#[test]
fn what_could_run_is_saved_without_its_type() {
    for stored in [
        "text/html",
        "image/svg+xml",
        "application/xhtml+xml",
        "text/xml",
        "application/xml",
        "text/javascript",
        "application/javascript",
        "application/wasm",
        "text/css",
        "application/json",
        "multipart/related",
        "message/rfc822",
        "application/x-shockwave-flash",
        "text/plain; charset=utf-7",
        "IMAGE/PNG",
        "image/png ",
        "",
        "anything/else",
    ] {
        assert_eq!(manner(stored), (UNTOLD, false), "{stored}");
    }
}

#[test]
fn pictures_and_plain_text_are_shown_and_known_harmless_types_are_told() {
    assert_eq!(manner("image/png"), ("image/png", true));
    assert_eq!(manner("image/avif"), ("image/avif", true));
    assert_eq!(manner("text/plain"), ("text/plain; charset=utf-8", true));
    assert_eq!(manner("application/pdf"), ("application/pdf", false));
    assert_eq!(manner("video/mp4"), ("video/mp4", false));
}

#[test]
fn names_come_whole_and_break_out_of_nothing() {
    let named = |name| disposition(false, name);
    assert_eq!(named("notes.txt"), "attachment; filename=\"notes.txt\"; filename*=UTF-8''notes.txt");
    assert_eq!(
        disposition(true, "a \"b\"; c.png"),
        "inline; filename=\"a _b__ c.png\"; filename*=UTF-8''a%20%22b%22%3B%20c.png"
    );
    assert_eq!(
        named("x\r\nSet-Cookie: a=b"),
        "attachment; filename=\"x__Set-Cookie_ a_b\"; filename*=UTF-8''x__Set-Cookie%3A%20a%3Db"
    );
    // A name that reads backwards would hide its ending.
    assert_eq!(named("\u{202e}gpj.exe"), "attachment; filename=\"_gpj.exe\"; filename*=UTF-8''_gpj.exe");
    assert_eq!(named("../../a\\b"), "attachment; filename=\".._.._a_b\"; filename*=UTF-8''.._.._a_b");
    assert_eq!(
        named("👍 Inês.pdf"),
        "attachment; filename=\"_ In_s.pdf\"; filename*=UTF-8''%F0%9F%91%8D%20In%C3%AAs.pdf"
    );
    assert_eq!(named("100%'*.txt"), "attachment; filename=\"100___.txt\"; filename*=UTF-8''100%25%27%2A.txt");
    assert_eq!(named("a\u{7f}\u{0}\u{feff}\u{2028}"), "attachment; filename=\"a____\"; filename*=UTF-8''a____");
}

#[test]
fn every_disposition_is_a_header() {
    for code in (0..0x1_0000_u32).chain([0x1_f44d, 0xe_0001, 0x10_ffff]) {
        let Some(c) = char::from_u32(code) else { continue };
        let text = disposition(code % 2 == 0, &format!("a{c}b"));
        assert!(text.bytes().all(|byte| (0x20..0x7f).contains(&byte)), "{code:x}");
        assert!(http::HeaderValue::from_str(&text).is_ok(), "{code:x}");
        assert_eq!(text.matches('"').count(), 2, "{code:x}");
    }
}
