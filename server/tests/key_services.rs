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
use thechatapp_server::config::KeySection;
use thechatapp_server::kms::KeySource;

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
