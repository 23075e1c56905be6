use super::*;

const SMALL: Argon2Params = Argon2Params { m_kib: 64, t: 1, p: 1 };
const GOLDEN: &str = include_str!("../../../tests/golden/local-key.json");

fn acme() -> WrapContext {
    WrapContext::new("acme")
}

fn master() -> Key {
    Key::from_bytes(std::array::from_fn(|i| i as u8))
}

#[test]
fn a_key_file_has_its_golden_bytes() {
    let params = Argon2Params { m_kib: 64, t: 2, p: 1 };
    let chosen = Chosen { key: master(), key_id: [0x44; 8], stretch_salt: [0x33; 16], seal_salt: [0x24; SALT] };
    let (bytes, service) = LocalKeyFile::encode(b"correct horse", &params, chosen).unwrap();
    assert_eq!(String::from_utf8(bytes).unwrap(), GOLDEN);
    assert_eq!(service.key_id(), "4444444444444444");
    assert_eq!(LocalKeyFile::open(GOLDEN.as_bytes(), b"correct horse").unwrap().key, master());
}

#[test]
fn a_wrapped_workspace_key_has_its_golden_bytes() {
    let hex = include_str!("../../../tests/golden/workspace-key.hex");
    let wrapped = HEXLOWER.decode(hex.trim().as_bytes()).unwrap();
    let service = LocalKeyFile::open(GOLDEN.as_bytes(), b"correct horse").unwrap();
    assert_eq!(service.unwrap(&acme(), &wrapped).unwrap(), Key::from_bytes([0x22; 32]));
    let again = seal_with_salt(&service.key, &acme().to_context(), &[0x24; SALT], &[0x22; 32]).unwrap();
    assert_eq!(again, wrapped);
}

#[test]
fn a_key_file_outlives_its_process() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("server.key");
    let key = Key::random().unwrap();
    let created = LocalKeyService::create_with(&path, b"pass", &SMALL).unwrap();
    let wrapped = created.wrap(&acme(), &key).unwrap();
    let opened: Box<dyn KeyService> = Box::new(LocalKeyService::open(&path, b"pass").unwrap());
    assert_eq!(opened.unwrap(&acme(), &wrapped).unwrap(), key);
    assert_eq!((opened.provider(), opened.key_id()), ("local", created.key_id()));
    assert_eq!(fs::read_dir(folder.path()).unwrap().count(), 1, "no temporary file stays");
}

#[test]
fn the_default_cost_is_written_and_read() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("server.key");
    LocalKeyService::create(&path, b"pass").unwrap();
    assert!(fs::read_to_string(&path).unwrap().contains(r#""kdf":{"m_kib":65536,"t":3,"p":1}"#));
    LocalKeyService::open(&path, b"pass").unwrap();
}

#[test]
fn a_wrong_passphrase_says_so() {
    assert!(matches!(LocalKeyFile::open(GOLDEN.as_bytes(), b"wrong"), Err(KmsError::BadPassphrase)));
    assert!(matches!(LocalKeyFile::open(GOLDEN.as_bytes(), b""), Err(KmsError::BadPassphrase)));
    assert!(matches!(LocalKeyFile::create(b"", &SMALL), Err(KmsError::BadPassphrase)));
}

#[test]
fn another_key_file_or_workspace_is_a_wrong_key() {
    let (_, one) = LocalKeyFile::create(b"pass", &SMALL).unwrap();
    let (_, two) = LocalKeyFile::create(b"pass", &SMALL).unwrap();
    assert_ne!(one.key_id(), two.key_id());
    let wrapped = one.wrap(&acme(), &Key::random().unwrap()).unwrap();
    assert!(matches!(two.unwrap(&acme(), &wrapped), Err(KmsError::WrongKey)));
    assert!(matches!(one.unwrap(&WrapContext::new("other"), &wrapped), Err(KmsError::WrongKey)));
}

#[test]
fn a_damaged_wrapped_key_is_garbage() {
    let (_, service) = LocalKeyFile::create(b"pass", &SMALL).unwrap();
    let mut wrapped = service.wrap(&acme(), &Key::random().unwrap()).unwrap();
    *wrapped.last_mut().unwrap() ^= 1;
    assert!(matches!(service.unwrap(&acme(), &wrapped), Err(KmsError::Garbage)));
    assert!(matches!(service.unwrap(&acme(), &wrapped[..50]), Err(KmsError::Garbage)));
    assert!(matches!(service.unwrap(&acme(), b""), Err(KmsError::Garbage)));
}

#[test]
fn no_changed_character_of_a_key_file_opens() {
    for at in 0..GOLDEN.trim_end().len() {
        for to in [b'0', b'1', b'x', b' '] {
            let mut altered = GOLDEN.as_bytes().to_vec();
            if altered[at] == to {
                continue;
            }
            altered[at] = to;
            let error = LocalKeyFile::open(&altered, b"correct horse").map(|_| at).unwrap_err();
            assert!(matches!(error, KmsError::BadPassphrase | KmsError::Garbage), "{at} {error:?}");
        }
    }
}

#[test]
fn a_damaged_key_file_is_garbage_one_of_another_kind_says_so_and_what_is_absent_is_not_found() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("server.key");
    assert!(matches!(LocalKeyService::open(&path, b"pass"), Err(KmsError::NotFound)));
    let newer = GOLDEN.replace(r#""version":1"#, r#""version":2"#);
    let costly = GOLDEN.replace(r#""m_kib":64"#, r#""m_kib":104857600"#);
    let zeros = "\0".repeat(400);
    let mut damaged: Vec<String> = (0..GOLDEN.len() - 1).map(|length| GOLDEN[..length].to_owned()).collect();
    damaged.extend([newer, costly, zeros, GOLDEN.replacen('{', "[", 1), GOLDEN.replace("sealed", "seeled")]);
    for bytes in damaged {
        fs::write(&path, &bytes).unwrap();
        assert!(matches!(LocalKeyService::open(&path, b"correct horse"), Err(KmsError::Garbage)), "{bytes}");
    }
    let host = r#"{"provider":"local","key_id":"4444444444444444","wrapped":"00","generation":0,"check":"00"}"#;
    let (binary, long) = ("\u{1}binary\0\0", "x".repeat(1 << 20));
    for bytes in ["{}", "null", "a passphrase\n", host, binary, &long, &format!("{GOLDEN}{long}")] {
        fs::write(&path, bytes).unwrap();
        assert!(matches!(LocalKeyService::open(&path, b"correct horse"), Err(KmsError::NotAKeyFile)), "{bytes}");
    }
    assert!(matches!(LocalKeyService::open(folder.path(), b"correct horse"), Err(KmsError::NotAKeyFile)));
}

#[test]
fn a_key_file_is_never_overwritten() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("server.key");
    fs::write(&path, "precious").unwrap();
    let exists = |result: io::Result<()>| result.unwrap_err().kind() == io::ErrorKind::AlreadyExists;
    let error = LocalKeyService::create_with(&path, b"pass", &SMALL).unwrap_err();
    assert!(matches!(error, KmsError::Io(inner) if inner.kind() == io::ErrorKind::AlreadyExists));
    // Also when the file came between the question and the answer, with and without links.
    assert!(exists(publish(&path, b"new")));
    let temporary = folder.path().join("temporary");
    fs::write(&temporary, "new").unwrap();
    assert!(exists(claim(&temporary, &path)));
    assert_eq!(fs::read_to_string(&path).unwrap(), "precious");
}

#[test]
fn a_file_system_without_links_serves_too() {
    let folder = tempfile::tempdir().unwrap();
    let (temporary, path) = (folder.path().join("temporary"), folder.path().join("server.key"));
    fs::write(&temporary, "new").unwrap();
    claim(&temporary, &path).unwrap();
    assert_eq!(fs::read_to_string(&path).unwrap(), "new");
}

#[test]
fn of_many_creators_one_wins_and_its_key_stays() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("server.key");
    let winners: Vec<String> = std::thread::scope(|scope| {
        let create = || LocalKeyService::create_with(&path, b"pass", &SMALL).map(|service| service.key_id());
        let threads: Vec<_> = (0..8).map(|_| scope.spawn(create)).collect();
        threads.into_iter().filter_map(|thread| thread.join().unwrap().ok()).collect()
    });
    assert_eq!(winners, [LocalKeyService::open(&path, b"pass").unwrap().key_id()]);
    assert_eq!(fs::read_dir(folder.path()).unwrap().count(), 1);
}

#[cfg(unix)]
#[test]
fn only_the_owner_reads_a_key_file() {
    use std::os::unix::fs::PermissionsExt;
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("server.key");
    LocalKeyService::create_with(&path, b"pass", &SMALL).unwrap();
    assert_eq!(fs::metadata(&path).unwrap().permissions().mode() & 0o777, 0o600);
}

#[test]
fn nothing_shown_reveals_the_key() {
    let service = LocalKeyFile::open(GOLDEN.as_bytes(), b"correct horse").unwrap();
    assert_eq!(format!("{service:?}"), r#"LocalKeyService { key_id: "4444444444444444", .. }"#);
}
