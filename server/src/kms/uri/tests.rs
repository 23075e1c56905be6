use super::*;

fn section() -> KeySection {
    KeySection { vault_token: Some("a token".into()), ..KeySection::default() }
}

fn parse(uri: &str) -> Result<KeySource> {
    KeySource::parse(uri, &section(), || Ok(Zeroizing::new("open sesame".into())))
}

fn place(uri: &str) -> Where {
    match parse(uri).unwrap() {
        KeySource::Remote(remote) => remote.place,
        KeySource::Local { .. } => panic!("a local one"),
    }
}

#[test]
fn a_local_key_is_the_host_s_own_or_a_file() {
    for (uri, wanted) in [("local:", None), ("local", None), ("local:/srv/key.json", Some("/srv/key.json"))] {
        let Ok(KeySource::Local { file, passphrase }) = parse(uri) else { panic!("{uri}") };
        assert_eq!(file.as_deref(), wanted.map(Path::new));
        assert_eq!(passphrase.as_str(), "open sesame");
    }
}

#[test]
fn vault_has_a_mount_and_a_key() {
    let Where::Vault(address) = place("vault+https://vault.example.org:8200/team/transit/chat%20key?namespace=a/b")
    else {
        panic!()
    };
    assert_eq!(address.base.as_str(), "https://vault.example.org:8200/");
    assert_eq!((address.mount.as_str(), address.key.as_str()), ("team/transit", "chat key"));
    assert_eq!(address.namespace.as_deref(), Some("a/b"));
    assert!(matches!(place("vault+http://[::1]:8200/transit/chat"), Where::Vault(_)));
}

#[test]
fn pkcs11_is_as_rfc_7512_writes_it() {
    let uri =
        "pkcs11:token=My%20token;object=a%3Bb;id=%01%FF;type=secret-key?module-path=/lib/x.so&pin-source=file:/etc/pin";
    let Where::Pkcs11(address) = place(uri) else { panic!() };
    assert_eq!((address.token.as_deref(), address.object.as_deref()), (Some("My token"), Some("a;b")));
    assert_eq!(address.id.as_deref(), Some(&[1, 255][..]));
    assert_eq!(address.module, Path::new("/lib/x.so"));
    assert!(matches!(address.pin, Some(Secret::File(path)) if path == Path::new("/etc/pin")));
}

#[cfg(feature = "aws-kms")]
#[test]
fn the_region_is_in_the_arn_or_beside_it() {
    let arn = "arn:aws:kms:eu-central-1:111122223333:key/1234abcd-12ab-34cd-56ef-1234567890ab";
    let Where::Aws(address) = place(&format!("aws-kms:{arn}")) else { panic!() };
    assert_eq!((address.key.as_str(), address.region.as_deref()), (arn, Some("eu-central-1")));
    let Where::Aws(address) = place("aws-kms:alias/chat?region=us-east-1&endpoint=http://127.0.0.1:5000") else {
        panic!()
    };
    assert_eq!(address.region.as_deref(), Some("us-east-1"));
    assert_eq!(address.endpoint.as_deref(), Some("http://127.0.0.1:5000"));
}

#[test]
fn what_is_not_understood_is_refused() {
    let wrong = [
        "",
        "gcp-kms:key",
        "vault+https:",
        "vault+https://vault.example.org",
        "vault+https://vault.example.org/transit",
        "vault+https://vault.example.org/transit/",
        "vault+https://vault.example.org/transit//key",
        "vault+https://vault.example.org/transit/%2e%2e%2fsys",
        "vault+https://user:secret@vault.example.org/transit/key",
        "vault+https://vault.example.org/transit/key?version=2",
        "vault+http://vault.example.org/transit/key",
        "vault+http://10.0.0.1/transit/key",
        "pkcs11:",
        "pkcs11:token=a",
        "pkcs11:object=a",
        "pkcs11:object=a?module-path=x.so",
        "pkcs11:token=a?module-path=/lib/x.so",
        "pkcs11:object=a;object=b?module-path=/lib/x.so",
        "pkcs11:object=a;type=private?module-path=/lib/x.so",
        "pkcs11:object=a;colour=red?module-path=/lib/x.so",
        "pkcs11:object=a?module-path=/lib/x.so&pin-value=1234",
        "pkcs11:object=a?module-path=/lib/x.so&pin-source=|/bin/pin",
        "pkcs11:object=%FF?module-path=/lib/x.so",
        "aws-kms:",
        "aws-kms:two words",
        "aws-kms:arn:aws:s3:::bucket",
        "aws-kms:key?region=a&region=b",
        "aws-kms:key?endpoint=http://kms.example.org",
        "aws-kms:key?colour=red",
    ];
    for uri in wrong {
        assert_eq!(parse(uri).map(|_| uri).unwrap_err().kind, Kind::Usage, "{uri}");
    }
    let no_token = KeySource::parse("vault+https://v.example/transit/key", &KeySection::default(), || panic!());
    assert!(no_token.unwrap_err().why.contains("token"));
}

#[test]
fn a_key_in_a_namespace_of_vault_has_that_in_its_name() {
    let section = KeySection { vault_token: Some("hvs.x".into()), ..KeySection::default() };
    let id = |query: &str| {
        let uri = format!("vault+https://vault.example.org/transit/chat{query}");
        let source = KeySource::parse(&uri, &section, || unreachable!("no passphrase is asked for")).unwrap();
        source.open(Path::new(".")).unwrap().key_id()
    };
    assert_eq!(id(""), "vault.example.org/transit/chat");
    assert_eq!(id("?namespace=acme"), "vault.example.org/acme/transit/chat");
}
