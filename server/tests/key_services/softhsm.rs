//! PKCS #11 against SoftHSM 2 (`cargo xtask setup` installs it).
//!
//! SoftHSM reads where its tokens are from the environment, once for each process: each test runs itself again in a process
//! of its own, with a token folder of its own.

use super::{OwnKeys, gives_back_what_it_wrapped, known_under_each_of_its_names, service, takes_a_host};
use cryptoki::context::{CInitializeArgs, CInitializeFlags, Pkcs11};
use cryptoki::mechanism::Mechanism;
use cryptoki::object::Attribute;
use cryptoki::session::{Session, UserType};
use cryptoki::types::AuthPin;
use std::path::{Path, PathBuf};
use std::process::Command;
use thechatapp_seal::{Key, KmsError, WrapContext};
use thechatapp_server::Kind;
use thechatapp_server::config::KeySection;
use thechatapp_server::kms::KeySource;

const PIN: &str = "1234-user";
const PLACES: [&str; 4] = [
    "/usr/lib/softhsm/libsofthsm2.so",
    "/usr/lib64/softhsm/libsofthsm2.so",
    "/usr/lib64/pkcs11/libsofthsm2.so",
    "/usr/lib/pkcs11/libsofthsm2.so",
];

fn module() -> &'static Path {
    let found = PLACES.iter().map(Path::new).find(|path| path.exists());
    found.expect("SoftHSM 2 is not installed: run `cargo xtask setup`")
}

/// Runs the rest of a test with a fresh token folder. Answers whether this is that process, and its folder.
fn in_a_process_of_its_own(test: &str) -> Option<PathBuf> {
    if let Some(conf) = std::env::var_os("SOFTHSM2_CONF") {
        return Some(Path::new(&conf).parent().unwrap().to_owned());
    }
    let folder = tempfile::tempdir().unwrap();
    let (conf, tokens) = (folder.path().join("softhsm2.conf"), folder.path().join("tokens"));
    std::fs::create_dir(&tokens).unwrap();
    std::fs::write(&conf, format!("directories.tokendir = {}\nobjectstore.backend = file\n", tokens.display()))
        .unwrap();
    let mut again = Command::new(std::env::current_exe().unwrap());
    again.args(["--exact", test, "--nocapture"]).env("SOFTHSM2_CONF", &conf);
    let done = again.output().unwrap();
    let said = String::from_utf8_lossy(&done.stdout);
    assert!(done.status.success(), "{said}\n{}", String::from_utf8_lossy(&done.stderr));
    assert!(said.contains("1 passed"), "{said}");
    None
}

/// A token named chat with no key in it.
fn token() -> Session {
    let module = Pkcs11::new(module()).unwrap();
    module.initialize(CInitializeArgs::new(CInitializeFlags::OS_LOCKING_OK)).unwrap();
    let slot = module.get_slots_with_token().unwrap()[0];
    let officer = AuthPin::new("officer-5678".into());
    module.init_token(slot, &officer, "chat; of ours").unwrap();
    let slot = module.get_slots_with_initialized_token().unwrap()[0];
    {
        let session = module.open_rw_session(slot).unwrap();
        session.login(UserType::So, Some(&officer)).unwrap();
        session.init_pin(&AuthPin::new(PIN.into())).unwrap();
        session.logout().unwrap();
    }
    let session = module.open_rw_session(slot).unwrap();
    session.login(UserType::User, Some(&AuthPin::new(PIN.into()))).unwrap();
    session
}

fn add_key(session: &Session, label: &str) {
    add_key_with(session, label, &[]);
}

fn add_key_with(session: &Session, label: &str, more: &[Attribute]) {
    let mut wanted = vec![
        Attribute::Token(true),
        Attribute::Private(true),
        Attribute::Sensitive(true),
        Attribute::Extractable(false),
        Attribute::Encrypt(true),
        Attribute::Decrypt(true),
        Attribute::ValueLen(32.into()),
        Attribute::Label(label.as_bytes().to_vec()),
    ];
    wanted.extend_from_slice(more);
    session.generate_key(&Mechanism::AesKeyGen, &wanted).unwrap();
}

fn source(folder: &Path, pin: &str, object: &str) -> KeySource {
    std::fs::write(folder.join("pin"), format!("{pin}\n")).unwrap();
    KeySource::parse(&uri(folder, &format!("object={object}")), &KeySection::default(), || unreachable!()).unwrap()
}

fn uri(folder: &Path, key: &str) -> String {
    format!(
        "pkcs11:token=chat%3B%20of%20ours;{key};type=secret-key?module-path={}&pin-source=file:{}/pin",
        module().display(),
        folder.display()
    )
}

#[test]
fn a_token_gives_back_what_it_wrapped() {
    let Some(folder) = in_a_process_of_its_own("softhsm::a_token_gives_back_what_it_wrapped") else { return };
    let session = token();
    add_key(&session, "workspaces");
    // Only what the program itself does logs in.
    session.logout().unwrap();
    let token = service(&source(&folder, PIN, "workspaces"));
    assert_eq!((token.provider(), token.key_id().as_str()), ("pkcs11", "token=chat; of ours;object=workspaces"));
    gives_back_what_it_wrapped(&*token);
}

#[test]
fn a_token_takes_a_host() {
    let Some(folder) = in_a_process_of_its_own("softhsm::a_token_takes_a_host") else { return };
    let session = token();
    add_key(&session, "workspaces");
    session.logout().unwrap();
    takes_a_host(|| source(&folder, PIN, "workspaces"), || {});
}

#[test]
fn what_a_token_refuses_has_its_name() {
    let Some(folder) = in_a_process_of_its_own("softhsm::what_a_token_refuses_has_its_name") else { return };
    let session = token();
    add_key(&session, "workspaces");
    add_key(&session, "another");
    session.logout().unwrap();
    let asked = WrapContext::new("acme");
    let secret = Key::random().unwrap();

    // Shown four times, a PIN could be locked: only the first is the token's to judge.
    let wrong = service(&source(&folder, "a-wrong-pin", "workspaces"));
    for _ in 0..4 {
        assert!(matches!(wrong.wrap(&asked, &secret), Err(KmsError::Denied)));
    }
    std::fs::write(folder.join("pin"), PIN).unwrap();
    let wrapped = wrong.wrap(&asked, &secret).unwrap();

    let missing = service(&source(&folder, PIN, "none-of-this-name"));
    assert!(matches!(missing.wrap(&asked, &secret), Err(KmsError::NotFound)));
    let another = service(&source(&folder, PIN, "another"));
    assert!(matches!(another.unwrap(&asked, &wrapped), Err(KmsError::WrongKey)));

    // The key is destroyed while it is in use. A process logs in once for all of its sessions.
    let key = session.find_objects(&[Attribute::Label(b"workspaces".to_vec())]).unwrap();
    session.destroy_object(key[0]).unwrap();
    assert!(matches!(wrong.unwrap(&asked, &wrapped), Err(KmsError::NotFound)));
    assert!(another.wrap(&asked, &secret).is_ok());
}

#[test]
fn a_key_of_a_token_is_known_by_label_and_by_id() {
    let Some(folder) = in_a_process_of_its_own("softhsm::a_key_of_a_token_is_known_by_label_and_by_id") else { return };
    let session = token();
    std::fs::write(folder.join("pin"), PIN).unwrap();
    let keys = [("host", 1), ("lab", 2), ("den", 3)].map(|(label, id)| {
        add_key_with(&session, label, &[Attribute::Id(vec![id])]);
        [format!("object={label}"), format!("id=%{id:02x}"), format!("object={label};id=%{id:02x}")]
            .map(|key| uri(&folder, &key))
    });
    session.logout().unwrap();
    known_under_each_of_its_names(keys, &KeySection::default());
}

#[test]
fn a_wipe_destroys_the_object_that_was_its_key() {
    let Some(folder) = in_a_process_of_its_own("softhsm::a_wipe_destroys_the_object_that_was_its_key") else { return };
    let session = token();
    std::fs::write(folder.join("pin"), PIN).unwrap();
    add_key(&session, "lab");
    add_key_with(&session, "kept", &[Attribute::Destroyable(false)]);
    add_key(&session, "another");
    session.logout().unwrap();
    let there = || session.find_objects(&[]).unwrap().len();
    let scene = OwnKeys::new(&uri(&folder, "object=kept"), &KeySection::default());
    assert_eq!(there(), 3);
    let refused = scene.host.wipe_with_key("lab", Some(30)).unwrap_err();
    assert!(refused.kind == Kind::KeyService && refused.advice.contains("CKA_DESTROYABLE"), "{refused:?}");
    assert!(there() == 3 && scene.host.find("lab").is_some_and(|lab| lab.is_open()));
    scene.moves("lab", &uri(&folder, "object=lab"), &KeySection::default()).unwrap();
    let ended = scene.host.wipe_with_key("lab", Some(30)).unwrap();
    assert_eq!((ended.destroyed, ended.left), (vec!["token=chat; of ours;object=lab".to_owned()], vec![]));
    let labels = |label: &str| session.find_objects(&[Attribute::Label(label.into())]).unwrap().len();
    assert_eq!(["lab", "kept", "another"].map(labels), [0, 1, 1]);
}
