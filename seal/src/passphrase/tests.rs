use super::*;

const SMALL: Argon2Params = Argon2Params { m_kib: 64, t: 2, p: 1 };

#[test]
fn stretching_agrees_with_another_implementation() {
    let key = stretch(b"correct horse", &[0x33; 16], &SMALL).unwrap();
    // OpenSSL's Argon2id, same salt and parameters.
    let expected = "00e77f8c2cf66df0730bb50e6fabcdcc3a6e3b9868ec214e3db4148485830f8d";
    assert_eq!(data_encoding::HEXLOWER.encode(key.expose()), expected);
}

#[test]
fn salt_passphrase_and_each_parameter_count() {
    let base = stretch(b"correct horse", &[0x33; 16], &SMALL).unwrap();
    for other in [
        stretch(b"correct horse ", &[0x33; 16], &SMALL),
        stretch(b"correct horse", &[0x34; 16], &SMALL),
        stretch(b"correct horse", &[0x33; 16], &Argon2Params { m_kib: 72, ..SMALL }),
        stretch(b"correct horse", &[0x33; 16], &Argon2Params { t: 3, ..SMALL }),
        stretch(b"correct horse", &[0x33; 16], &Argon2Params { p: 2, ..SMALL }),
    ] {
        assert_ne!(other.unwrap(), base);
    }
}

#[test]
fn the_default_costs_what_the_design_says() {
    assert_eq!(Argon2Params::default().to_string(), "m=65536,t=3,p=1");
    Argon2Params::default().check().unwrap();
}

#[test]
fn a_hostile_file_cannot_ask_for_the_machine() {
    for json in [
        r#"{"m_kib":104857600,"t":3,"p":1}"#,
        r#"{"m_kib":4294967295,"t":4294967295,"p":4294967295}"#,
        r#"{"m_kib":64,"t":17,"p":1}"#,
        r#"{"m_kib":1024,"t":1,"p":17}"#,
        r#"{"m_kib":64,"t":0,"p":1}"#,
        r#"{"m_kib":64,"t":1,"p":0}"#,
        r#"{"m_kib":0,"t":1,"p":1}"#,
        r#"{"m_kib":15,"t":1,"p":2}"#,
        r#"{"m_kib":64,"t":1}"#,
        r#"{"m_kib":64,"t":1,"p":1,"x":1}"#,
        r#"{"m_kib":-1,"t":1,"p":1}"#,
    ] {
        assert!(serde_json::from_str::<Argon2Params>(json).is_err(), "{json}");
    }
    assert!(matches!(stretch(b"x", &[0; 16], &Argon2Params { m_kib: u32::MAX, t: 1, p: 1 }), Err(Error::Parameters)));
    let read: Argon2Params = serde_json::from_str(r#"{"m_kib":64,"t":2,"p":1}"#).unwrap();
    assert_eq!(read, SMALL);
}
