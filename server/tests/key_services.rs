//! Every key service gives back what it wrapped, for whom it was wrapped, and says precisely why when it does not.

#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, clippy::indexing_slicing)]

#[cfg(all(target_os = "linux", feature = "aws-kms"))]
#[path = "key_services/moto.rs"]
mod moto;
#[cfg(target_os = "linux")]
#[path = "key_services/softhsm.rs"]
mod softhsm;
mod support;

use std::path::Path;
use std::sync::Arc;
use support::vault::{Mood, Vault};
use thechatapp_seal::{Key, KeyService, KmsError, WrapContext};
use thechatapp_server::Kind;
use thechatapp_server::auth::password::Cost;
use thechatapp_server::config::KeySection;
use thechatapp_server::kms::KeySource;
use thechatapp_server::tenants::{Host, To};

fn service(source: &KeySource) -> Arc<dyn KeyService> {
    source.open(Path::new("unused")).unwrap()
}

/// What holds for every key service.
fn gives_back_what_it_wrapped(service: &dyn KeyService) {
    let (alice, bob) = (WrapContext::new("alice's"), WrapContext::new("bob's"));
    let key = Key::random().unwrap();
    let wrapped = service.wrap(&alice, &key).unwrap();
    assert!(!wrapped.windows(32).any(|part| part == key.expose()));
    assert_ne!(service.wrap(&alice, &key).unwrap(), wrapped, "nothing is wrapped the same way twice");
    assert_eq!(service.unwrap(&alice, &wrapped).unwrap().expose(), key.expose());
    assert!(matches!(service.unwrap(&bob, &wrapped), Err(KmsError::WrongKey)), "bound to its workspace");
    let mut altered = wrapped.clone();
    *altered.last_mut().unwrap() ^= 1;
    assert!(service.unwrap(&alice, &altered).is_err());
    for length in [0, 1, wrapped.len() / 2, wrapped.len() - 1] {
        assert!(service.unwrap(&alice, &wrapped[..length]).is_err());
    }
    assert_eq!(service.unwrap(&alice, &wrapped).unwrap().expose(), key.expose(), "and it still answers");
}

/// A host moves from a key file to this service, wraps everything there anew, and starts with it alone.
fn takes_a_host(source: impl Fn() -> KeySource, meanwhile: impl FnOnce()) {
    let folder = tempfile::tempdir().unwrap();
    let data = folder.path().join("data");
    let open = |source: &KeySource| Host::open(&data, source, Cost::TESTS);
    thechatapp_server::init(&data, &support::key(), "acme", Some("https://chat.example.org"), Cost::TESTS).unwrap();
    let host = open(&support::key()).unwrap();
    let tls = host.tls_key().unwrap();
    assert_eq!(host.move_to(&source()).unwrap().workspaces, 1);
    meanwhile();
    assert_eq!(host.rotate_kms(None).unwrap().workspaces, 1);
    host.close();
    let refused = open(&support::key()).unwrap_err();
    assert!(refused.why.starts_with("its keys are guarded by"), "{refused}");
    let host = open(&source()).unwrap();
    assert!(host.workspaces().iter().all(|workspace| workspace.is_open()) && host.closed().is_none());
    assert_eq!(host.tls_key().unwrap(), tls, "people's clients see the same certificate's key");
    assert_eq!(host.key_status("acme").unwrap()["provider"], source().open(&data).unwrap().provider());
    host.close();
}

/// A host under a key file, with a workspace that has a key of its own.
struct OwnKeys {
    host: Host,
    _folder: tempfile::TempDir,
}

impl OwnKeys {
    fn new(uri: &str, section: &KeySection) -> Self {
        let folder = tempfile::tempdir().unwrap();
        let data = folder.path().join("data");
        thechatapp_server::init(&data, &support::key(), "acme", None, Cost::TESTS).unwrap();
        let scene = Self { host: Host::open(&data, &support::key(), Cost::TESTS).unwrap(), _folder: folder };
        scene.host.create_workspace("lab", Vec::new()).unwrap();
        scene.moves("lab", uri, section).unwrap();
        scene
    }

    fn moves(&self, workspace: &str, uri: &str, section: &KeySection) -> thechatapp_server::error::Result<()> {
        self.host.move_workspace(workspace, To::Own { uri, section }).map(drop)
    }
}

/// Of three keys with several names each: whatever one is called, it is known as the host's or another workspace's, a host or workspace
/// that is there already moves there again, and another key is none of them.
fn known_under_each_of_its_names<const NAMES: usize>(keys: [[String; NAMES]; 3], section: &KeySection) {
    let [of_host, of_lab, of_den] = &keys;
    let scene = OwnKeys::new(&of_lab[0], section);
    let source = |uri: &str| KeySource::parse(uri, section, || unreachable!()).unwrap();
    scene.host.create_workspace("den", Vec::new()).unwrap();
    scene.host.move_to(&source(&of_host[0])).unwrap();
    for (mine, others) in of_lab.iter().flat_map(|mine| of_host.iter().map(move |others| (mine, others))) {
        assert_eq!(scene.host.move_to(&source(others)).unwrap().workspaces, 2);
        scene.moves("lab", mine, section).unwrap();
        for name in of_host {
            let refused = scene.moves("lab", name, section).unwrap_err();
            assert!(refused.kind == Kind::BadInput && refused.why.contains("guards the whole host"), "{refused}");
        }
        for name in of_lab {
            let refused = scene.moves("den", name, section).unwrap_err();
            assert!(refused.kind == Kind::BadInput && refused.why.ends_with("guards lab"), "{refused}");
            assert_eq!(scene.host.move_to(&source(name)).unwrap_err().kind, Kind::BadInput);
        }
    }
    for name in of_den {
        scene.moves("den", name, section).unwrap();
    }
    assert!(scene.host.workspaces().iter().all(|workspace| workspace.is_open()));
}

#[test]
fn what_is_named_as_a_key_file_and_is_another_one_is_told_for_what_it_is() {
    let folder = tempfile::tempdir().unwrap();
    let (data, backups) = (folder.path().join("data"), folder.path().join("backups"));
    thechatapp_server::init(&data, &support::key(), "acme", None, Cost::TESTS).unwrap();
    let (passphrase, binary) = (folder.path().join("passphrase"), folder.path().join("binary"));
    std::fs::write(&passphrase, "server passphrase").unwrap();
    std::fs::write(&binary, [0, 159, 146, 150]).unwrap();
    std::fs::write(folder.path().join("other.json"), r#"{"name":"something else"}"#).unwrap();
    thechatapp_server::backup::Folder::open_or_make(&backups, "recovery", &thechatapp_seal::Argon2Params::default())
        .unwrap();
    let told = |kms: String| {
        let mut program = std::process::Command::new(env!("CARGO_BIN_EXE_thechatapp-server"));
        program.args(["workspace", "list", "--json", "--kms", &kms, "--data"]).arg(&data);
        let done = program.arg("--passphrase-file").arg(&passphrase).output().unwrap();
        let said = if done.status.success() { done.stdout } else { done.stderr };
        (done.status.code(), serde_json::from_slice::<serde_json::Value>(&said).unwrap())
    };
    let local = |file: &Path| format!("local:{}", file.display());
    for (file, is, advice) in [
        (data.join("keys/host.json"), "which key service guards a host", "local.json"),
        (backups.join("keys.json"), "the keys of a backup", "the key file of the host"),
        (folder.path().join("other.json"), "JSON of another kind", "keys/local.json"),
        (passphrase.clone(), "a text of another kind", "keys/local.json"),
        (binary, "a file of another kind", "keys/local.json"),
        (data.clone(), "a folder", "keys/local.json"),
    ] {
        let (code, said) = told(local(&file));
        assert_eq!((code, said["error"].as_str()), (Some(3), Some("bad_input")), "{said}");
        let words = ["what", "why", "do"].map(|field| said[field].as_str().unwrap());
        assert_eq!(words[0], "This is not a local key file");
        assert!(words[1].contains(is) && words[1].contains(&file.display().to_string()), "{said}");
        assert!(words[2].contains(advice), "{said}");
    }
    // One that is damaged is no other one, wherever it was named; and in its own place whatever lies there is damage.
    let (kept, cut) = (data.join("keys/local.json"), folder.path().join("cut.json"));
    let bytes = std::fs::read(&kept).unwrap();
    std::fs::write(&cut, &bytes[..bytes.len() / 2]).unwrap();
    assert_eq!(told(local(&cut)).0, Some(24));
    std::fs::write(&kept, "a text").unwrap();
    assert_eq!(told("local:".into()).0, Some(24));
    std::fs::write(&kept, bytes).unwrap();
    assert_eq!(told(local(&kept)).0, Some(0));
}

#[tokio::test(flavor = "multi_thread")]
async fn vault_takes_a_host() {
    let vault = Vault::start().await;
    let (of_host, rotating) = (vault.clone(), vault.clone());
    let moved = move || takes_a_host(|| of_host.source(), || rotating.rotate());
    tokio::task::spawn_blocking(moved).await.unwrap();
}

#[tokio::test(flavor = "multi_thread")]
async fn vault_needs_no_older_version_after_a_rotation() {
    let vault = Vault::start().await;
    let mut host = support::Host::start_with({
        let vault = vault.clone();
        move || vault.source()
    })
    .await;
    vault.rotate();
    tokio::task::block_in_place(|| host.running().host().rotate_kms(None)).unwrap();
    vault.forget_older();
    host.stop().await;
    host.serve().await;
    assert!(host.running().host().workspaces().iter().all(|workspace| workspace.is_open()));
}

#[tokio::test(flavor = "multi_thread")]
async fn a_host_started_with_the_former_key_of_the_same_vault_says_where_its_keys_are() {
    let vault = Vault::start().await;
    let source = vault.source();
    let folder = tempfile::tempdir().unwrap();
    let data = folder.path().join("data");
    let section = KeySection { vault_token: Some(support::vault::TOKEN.into()), ..KeySection::default() };
    let other = KeySource::parse(&vault.uri().replace("/chat", "/former"), &section, || unreachable!()).unwrap();
    let told = tokio::task::spawn_blocking(move || {
        thechatapp_server::init(&data, &source, "acme", None, Cost::TESTS).unwrap();
        let host = Host::open(&data, &other, Cost::TESTS).unwrap();
        let told = host.closed().unwrap();
        host.close();
        told
    });
    let told = told.await.unwrap();
    assert!(told.why.ends_with(&format!("guarded by 127.0.0.1:{}/team/transit/chat", vault.port)), "{told}");
}

#[tokio::test(flavor = "multi_thread")]
async fn vault_gives_back_what_it_wrapped() {
    let vault = Vault::start().await;
    let vault_service = service(&vault.source());
    assert_eq!(vault_service.key_id(), format!("127.0.0.1:{}/team/transit/chat", vault.port));
    tokio::task::spawn_blocking(move || gives_back_what_it_wrapped(&*vault_service)).await.unwrap();
}

#[tokio::test(flavor = "multi_thread")]
async fn whatever_vault_answers_has_its_name() {
    let vault = Vault::start().await;
    let vault_service = service(&vault.source());
    let (asked, key) = (WrapContext::new("acme"), Key::random().unwrap());
    let wrapped = tokio::task::block_in_place(|| vault_service.wrap(&asked, &key)).unwrap();
    let moods = [
        (Mood::Says(403, "permission denied"), "Denied"),
        (Mood::Says(429, "request path has exceeded rate limit"), "Throttled"),
        (Mood::Says(500, "internal error"), "Unavailable"),
        (Mood::Says(503, "Vault is sealed"), "Unavailable"),
        (Mood::Says(307, ""), "Unavailable"),
        (Mood::Says(404, ""), "NotFound"),
        (Mood::Says(400, "encryption key not found"), "NotFound"),
        (Mood::Says(400, "ciphertext or signature version is disallowed by policy (too old)"), "Disabled"),
        (Mood::Says(400, "cipher: message authentication failed"), "WrongKey"),
        (Mood::Says(418, ""), "Garbage"),
        (Mood::Hangs, "Unavailable"),
        (Mood::Breaks, "Unavailable"),
        (Mood::Garbage, "Garbage"),
        (Mood::Nonsense, "Garbage"),
        (Mood::Truncated, "Unavailable"),
        (Mood::Endless, "Garbage"),
        (Mood::HalfAKey, "Garbage"),
    ];
    for (mood, name) in moods {
        vault.set(mood);
        let answer = tokio::task::block_in_place(|| vault_service.unwrap(&asked, &wrapped));
        assert_eq!(format!("{:?}", answer.map(|_| "a key").unwrap_err()), name, "{mood:?}");
    }
    vault.set(Mood::Works);
    assert!(tokio::task::block_in_place(|| vault_service.unwrap(&asked, &wrapped)).is_ok());
}

#[tokio::test(flavor = "multi_thread")]
async fn a_renewed_token_is_read_from_its_file() {
    let vault = Vault::start().await;
    let folder = tempfile::tempdir().unwrap();
    let token = folder.path().join("token");
    let section = KeySection { vault_token_file: Some(token.clone()), ..KeySection::default() };
    let source = KeySource::parse(&vault.uri(), &section, || unreachable!()).unwrap();
    let vault_service = service(&source);
    let asked = WrapContext::new("acme");
    let wrap = || tokio::task::block_in_place(|| vault_service.wrap(&asked, &Key::random().unwrap()));
    assert!(matches!(wrap(), Err(KmsError::Io(_))), "there is no such file yet");
    std::fs::write(&token, "hvs.an-old-one\n").unwrap();
    assert!(matches!(wrap(), Err(KmsError::Denied)));
    std::fs::write(&token, format!("{}\n", support::vault::TOKEN)).unwrap();
    assert!(wrap().is_ok());
}

#[tokio::test(flavor = "multi_thread")]
async fn nobody_listens_is_unavailable() {
    let free = std::net::TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap();
    let section = KeySection { vault_token: Some("t".into()), ..KeySection::default() };
    let uri = format!("vault+http://{free}/transit/chat");
    let vault_service = service(&KeySource::parse(&uri, &section, || unreachable!()).unwrap());
    let answer = vault_service.wrap(&WrapContext::new("acme"), &Key::random().unwrap());
    assert!(matches!(answer, Err(KmsError::Unavailable)), "{answer:?}");
}

#[test]
fn the_service_manager_hands_the_passphrase_over() {
    let folder = tempfile::tempdir().unwrap();
    let init = |data: &str| {
        let mut command = std::process::Command::new(env!("CARGO_BIN_EXE_thechatapp-server"));
        command.args(["init", "--workspace", "acme", "--admin", "marta", "--data"]).arg(folder.path().join(data));
        command.env("CREDENTIALS_DIRECTORY", folder.path()).stdin(std::process::Stdio::null());
        command.output().unwrap().status.code()
    };
    assert_eq!(init("without"), Some(2));
    std::fs::write(folder.path().join("passphrase"), "from the service manager\n").unwrap();
    assert_eq!(init("with"), Some(0));
}
