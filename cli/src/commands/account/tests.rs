use super::*;

#[test]
fn an_invite_is_reached_elsewhere_with_its_pin_and_code() {
    let invite = "https://chat.example.org/join/acme#pin.code";
    for url in ["https://127.0.0.1:8443", "https://127.0.0.1:8443/", " https://127.0.0.1:8443 "] {
        assert_eq!(elsewhere(invite, url).unwrap(), "https://127.0.0.1:8443/join/acme#pin.code");
    }
    assert!(elsewhere("https://chat.example.org/", "https://127.0.0.1").is_err());
}
