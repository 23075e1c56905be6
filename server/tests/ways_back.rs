//! Ways back for who has lost what they sign in with, from the host itself, and what a restored host no longer takes.

#![allow(clippy::unwrap_used, clippy::indexing_slicing)]

mod support;

use serde_json::Value;
use std::process::{Command as Program, Output, Stdio};
use std::sync::Arc;
use support::{Host, Person};
use thechatapp_protocol::audit::{Actor, Target};
use thechatapp_protocol::methods::account::{Credential, Nothing};
use thechatapp_protocol::methods::proof::{BeginTotp, CodeParams, FinishTotp};
use thechatapp_protocol::session::StaticKey;
use thechatapp_protocol::{Code, ErrorBody};

const NEW_PASSWORD: &str = "staple correct battery horse";

/// The server's own program, on this host's data.
fn run(host: &Host, args: &[&str]) -> Output {
    let passphrase = host.folder.path().join("passphrase");
    std::fs::write(&passphrase, "server passphrase").unwrap();
    let mut program = Program::new(env!("CARGO_BIN_EXE_thechatapp-server"));
    program.args(args).arg("--data").arg(host.data()).arg("--passphrase-file").arg(passphrase);
    program.arg("--json").stdin(Stdio::null()).output().unwrap()
}

async fn reset(host: &Host, more: &[&str]) -> Value {
    let done = run(host, &[&["account", "reset", "--workspace", "acme", "--name", "Owner"], more].concat());
    assert!(done.status.success(), "{}", String::from_utf8_lossy(&done.stderr));
    serde_json::from_slice(&done.stdout).unwrap()
}

async fn by_reset(host: &Host, reset: &Value, password: &str) -> Result<Person, ErrorBody> {
    let reset = reset["code"].as_str().unwrap().to_owned();
    let credential = Credential::Reset { name: "owner".into(), reset, password: password.into(), code: None };
    host.enrol(&Arc::new(StaticKey::random().unwrap()), credential).await
}

async fn with_factor(person: &mut Person) -> Vec<String> {
    let secret = person.call::<BeginTotp>(&Nothing {}).await.unwrap();
    let made = totp_rs::TOTP::from_url(&secret.uri).unwrap();
    let code = made.generate(support::millis() / 1000);
    person.call::<FinishTotp>(&CodeParams { code }).await.unwrap().codes
}

#[tokio::test(flavor = "multi_thread")]
async fn an_owner_who_lost_everything_gets_in_again_from_the_host() {
    let mut host = Host::start().await;
    let mut owner = host.join_by(&host.owner_invite.clone(), "owner").await;
    with_factor(&mut owner).await;
    let (person, lost) = (owner.id(), owner.me.device);
    drop(owner);
    // While the server runs: the second factor is asked for all the same.
    let made = reset(&host, &[]).await;
    assert_eq!((&made["workspace"], &made["second_factor_removed"]), (&"acme".into(), &false.into()));
    assert!(made["expires"].as_str().unwrap().ends_with('Z'), "{made}");
    assert_eq!(by_reset(&host, &made, NEW_PASSWORD).await.err().unwrap().code, Code::SecondFactor);
    // While it does not, and the factor is lost, too.
    host.stop().await;
    let made = reset(&host, &["--totp", "--devices"]).await;
    assert_eq!((&made["second_factor_removed"], &made["devices_revoked"]), (&true.into(), &1.into()));
    host.serve().await;
    by_reset(&host, &made, NEW_PASSWORD).await.unwrap();
    assert_eq!(by_reset(&host, &made, NEW_PASSWORD).await.err().unwrap().code, Code::Denied, "good once");
    let acts = host.running().host().workspace("acme").unwrap().acts().await.unwrap();
    let of_host = acts.into_iter().filter(|entry| {
        entry.actor == Actor::Host && [Target::Person(person), Target::Device(lost)].contains(&entry.target)
    });
    let of_host: Vec<_> = of_host.map(|entry| entry.act).collect();
    assert_eq!(of_host, ["reset.issued", "reset.issued", "totp.removed", "device.revoked"]);
    let nobody = run(&host, &["account", "reset", "--workspace", "acme", "--name", "nobody"]);
    assert_eq!(nobody.status.code(), Some(3));
}

#[tokio::test(flavor = "multi_thread")]
async fn what_was_good_in_a_backup_and_may_have_been_used_since_is_void_after_it_was_restored() {
    let mut host = Host::start().await;
    let mut owner = host.join_by(&host.owner_invite.clone(), "owner").await;
    let codes = with_factor(&mut owner).await;
    let (made, invite) = (reset(&host, &[]).await, host.invite(3).await);
    let recovery = host.folder.path().join("recovery").display().to_string();
    std::fs::write(&recovery, "recovery passphrase").unwrap();
    let to = host.folder.path().join("backup").display().to_string();
    let done = run(&host, &["backup", "create", "--to", &to, "--recovery-passphrase-file", &recovery]);
    assert!(done.status.success(), "{}", String::from_utf8_lossy(&done.stderr));
    host.stop().await;
    std::fs::remove_dir_all(host.data()).unwrap();
    let done = run(&host, &["backup", "restore", "--from", &to, "--recovery-passphrase-file", &recovery]);
    let report: Value = serde_json::from_slice(&done.stdout).unwrap();
    let voided = serde_json::json!({ "invites": 1, "reset_codes": 1, "browsers": 0, "recovery_codes": 1 });
    assert_eq!(report["voided"], voided);
    host.serve().await;
    let code = invite.parse::<thechatapp_protocol::identity::Invite>().unwrap().code;
    let credential = Credential::Invite { code, name: "bob".into(), password: support::PASSWORD.into() };
    let refused = host.enrol(&Arc::new(StaticKey::random().unwrap()), credential).await.err().unwrap();
    assert_eq!(refused.code, Code::Denied);
    assert_eq!(by_reset(&host, &made, NEW_PASSWORD).await.err().unwrap().code, Code::Denied);
    let credential =
        Credential::Password { name: "owner".into(), password: support::PASSWORD.into(), code: Some(codes[0].clone()) };
    let refused = host.enrol(&Arc::new(StaticKey::random().unwrap()), credential).await.err().unwrap();
    assert_eq!((refused.code, refused.what.as_str()), (Code::Denied, "The code is wrong"));
    // Devices are as they were, and whoever lost the rest has the way from the host.
    owner.again(&host).await;
    let made = reset(&host, &["--totp"]).await;
    by_reset(&host, &made, NEW_PASSWORD).await.unwrap();
}
