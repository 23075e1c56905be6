use super::*;

/// RFC 6238, appendix B, the codes for SHA-1 cut to the six digits that are in use.
const VECTORS: [(i64, &str); 6] = [
    (59, "287082"),
    (1_111_111_109, "081804"),
    (1_111_111_111, "050471"),
    (1_234_567_890, "005924"),
    (2_000_000_000, "279037"),
    (20_000_000_000, "353130"),
];
const SECRET: &[u8] = b"12345678901234567890";

fn at(second: i64) -> Timestamp {
    Timestamp(second * 1000)
}

#[test]
fn codes_are_those_of_the_rfc() {
    for (second, code) in VECTORS {
        assert_eq!(step_of(SECRET, code, at(second), -1), Some(second / 30), "{second}");
        assert_eq!(step_of(b"another secret of 20", code, at(second), -1), None);
    }
}

#[test]
fn a_clock_may_be_wrong_by_one_step_and_not_by_two() {
    let (second, code) = VECTORS[3];
    let begins = second / 30 * 30;
    for (shift, fits) in [(-31, false), (-30, true), (-1, true), (0, true), (29, true), (59, true), (60, false)] {
        assert_eq!(step_of(SECRET, code, at(begins + shift), -1).is_some(), fits, "{shift}");
    }
}

#[test]
fn a_code_never_fits_twice_nor_one_before_it() {
    let (second, code) = VECTORS[2];
    let step = step_of(SECRET, code, at(second), -1).unwrap();
    assert_eq!(step_of(SECRET, code, at(second), step), None);
    let before = authenticator(SECRET, None, "a".into()).unwrap().generate(((step - 1) * 30).unsigned_abs());
    assert!(step_of(SECRET, &before, at(second), -1).is_some());
    assert_eq!(step_of(SECRET, &before, at(second), step), None);
    assert_eq!(step_of(SECRET, "050 471", at(second), -1), Some(step), "as authenticators show it");
    for garbage in ["", "5047", "0504711", "aaaaaa", "０５０４７１"] {
        assert_eq!(step_of(SECRET, garbage, at(second), -1), None, "{garbage}");
    }
}

#[test]
fn a_secret_is_shown_for_people_and_for_cameras() {
    let (text, uri) = shown(SECRET, "Acme: chat", "Inês Duarte").unwrap();
    assert_eq!(text, "GEZDGNBVGY3TQOJQGEZDGNBVGY3TQOJQ");
    assert!(
        uri.starts_with("otpauth://totp/Acme%20%20chat:In%C3%AAs%20Duarte?secret=GEZDGNBVGY3TQOJQGEZDGNBVGY3TQOJQ")
    );
    assert_ne!(make_secret().unwrap(), make_secret().unwrap());
}

#[test]
fn recovery_codes_are_ten_and_all_different() {
    let codes: std::collections::BTreeSet<_> = make_recovery_codes().unwrap().into_iter().collect();
    assert_eq!(codes.len(), 10);
    assert!(codes.iter().all(|code| code.len() == 19 && code.split('-').count() == 4));
}
