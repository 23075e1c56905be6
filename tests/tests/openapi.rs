//! What browsers call, held against the OpenAPI file by a program that makes requests from it (Schemathesis): whatever it
//! thinks of is answered as the file says, never with a fault, and shows nobody what is not theirs.

#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, clippy::indexing_slicing)]

use std::path::{Path, PathBuf};
use std::process::Command;
use thechatapp_tests::tab::Tab;
use thechatapp_tests::{Cli, Server, rounds};

/// What stands in a channel of the owner's alone.
const CANARY: &str = "vexkucanaryqolumi";

fn program() -> PathBuf {
    let path = std::env::var_os("PATH").unwrap_or_default();
    let cache = std::env::var_os("XDG_CACHE_HOME").map(PathBuf::from);
    let cache = cache.or_else(|| std::env::var_os("HOME").map(|home| PathBuf::from(home).join(".cache")));
    let folders = std::env::split_paths(&path).chain(cache.map(|cache| cache.join("thechatapp/tools/bin")));
    let found = folders.map(|folder| folder.join("schemathesis")).find(|path| path.is_file());
    found.expect("Schemathesis is not installed: run `cargo xtask setup`")
}

/// Everything it sent and got, as somebody with this cookie.
fn run(server: &Server, folder: &Path, who: &str, cookie: &str) -> String {
    let package = std::env::var_os("CARGO_MANIFEST_DIR").unwrap();
    let file = std::fs::read_to_string(Path::new(&package).join("../docs/openapi.json")).unwrap();
    let (here, report) = (folder.join(who), folder.join(who).join("report.ndjson"));
    std::fs::create_dir(&here).unwrap();
    let mut config = "[parameters]\n\"path.workspace\" = \"acme\"\n".to_owned();
    if let Some((_, token)) = cookie.split_once('=') {
        config += &format!("[auth.openapi.session]\napi_key = \"{token}\"\n");
    }
    std::fs::write(here.join("schemathesis.toml"), config).unwrap();
    // The cookie's name has the workspace's in it.
    std::fs::write(here.join("openapi.json"), file.replace("<workspace>", "acme")).unwrap();
    let mut command = Command::new(program());
    command.current_dir(&here).args(["run", "openapi.json"]).args(["--url", &server.url()]);
    command.args(["--tls-verify", "false", "--seed", "1", "--workers", "1", "--phases", "coverage,fuzzing"]);
    command.args(["--max-examples", &rounds(5, 200).to_string(), "--generation-database", "none", "--no-color"]);
    command.arg("--header").arg(format!("Origin: {}", server.url()));
    // A connection that was kept may be closed by the time it is used again, as any client knows.
    command.args(["--request-retries", "3"]);
    // A name that nobody may have is refused although it is a string: what rules a field follows is said in words. And a list is
    // taken for an object with its fields in order, as serde does.
    command.args(["--exclude-checks", "positive_data_acceptance,negative_data_rejection"]);
    if !cookie.is_empty() {
        // What would end the session, or begin another.
        for ends in ["devices.sign_out", "devices.revoke_all", "account.sign_in"] {
            command.args(["--exclude-operation-id", ends]);
        }
    }
    command.arg("--report-ndjson-path").arg(&report);
    let output = command.output().unwrap();
    let said = String::from_utf8_lossy(&output.stdout).into_owned();
    assert!(output.status.success(), "as {who}: {said}\n{}", String::from_utf8_lossy(&output.stderr));
    let report = std::fs::read_to_string(report).unwrap();
    assert!(report.len() > 10_000, "it made requests: {said}");
    report
}

/// How many answers had this status.
fn answered(report: &str, status: u16) -> usize {
    report.matches(&format!("\"status_code\":{status}")).count()
        + report.matches(&format!("\"status_code\": {status}")).count()
}

#[tokio::test(flavor = "multi_thread")]
async fn whatever_browsers_send_is_answered_as_the_file_says_and_shows_nobody_what_is_not_theirs() {
    let mut server = Server::init();
    let config = server.folder.path().join("server.toml");
    std::fs::write(&config, "[web]\nchat = true\n").unwrap();
    server.config = Some(config);
    server.serve();
    let (owner, member) = (Cli::with_passphrase(), Cli::with_passphrase());
    owner.join(server.owner_invite(), "olga").ok();
    member.join(&server.invite(), "mia").ok();
    owner.run(&["create", "hidden", "--private"]).ok();
    owner.run(&["send", "hidden", CANARY]).ok();
    owner.run(&["send", "general", "hello"]).ok();
    let folder = tempfile::tempdir().unwrap();

    let nobody = run(&server, folder.path(), "nobody", "");
    assert_eq!(answered(&nobody, 200), 0, "nothing without a session");
    let tab = Tab::sign_in(&server, "mia").await;
    let members = run(&server, folder.path(), "member", &tab.cookie);
    let tab = Tab::sign_in(&server, "olga").await;
    let owners = run(&server, folder.path(), "owner", &tab.cookie);
    let (head, _) = tab.call("POST", "/w/acme/api/v1/account.whoami", "", b"{}").await;
    assert!(head.starts_with("HTTP/1.1 200"), "the session lasted: {head}");
    assert!(answered(&members, 200) > 0 && answered(&owners, 200) > 0, "somebody signed in gets answers");
    for (who, report) in [("nobody", nobody), ("a member", members)] {
        assert!(!report.contains(CANARY), "{who} was shown what is not theirs");
    }
    for report in std::fs::read_dir(folder.path()).unwrap() {
        let report = std::fs::read_to_string(report.unwrap().path().join("report.ndjson")).unwrap();
        assert_eq!(answered(&report, 500), 0);
    }
}
