//! One run of everything: each method of the protocol, each command of the server, texts and files that are edited, deleted,
//! searched for and broken off, with a word that stands out in every field. Afterwards none of these words is found in anything
//! that was written down: databases and their logs, files, temporary folders, backups and what was restored of them, the bucket, the
//! devices' folders, and what the programs say of themselves at their most talkative.

use std::io::Write;
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex};
use std::time::Duration;
use thechatapp_core::{Client, WorkspaceId};
use thechatapp_protocol::{ChannelId, MessageId, Method, for_each_method};
use thechatapp_tests::bucket::{self, Bucket};
use thechatapp_tests::markers::Markers;
use thechatapp_tests::{Cli, Server, files_below, person, person::Memory, server, wire};
use tokio::io::{AsyncReadExt, AsyncWriteExt};

#[path = "everything/accounts.rs"]
mod accounts;
#[path = "everything/browser.rs"]
mod browser;
#[path = "everything/devices.rs"]
mod devices;
#[path = "everything/host.rs"]
mod host;
#[path = "everything/methods.rs"]
mod methods;

const PATIENCE: Duration = Duration::from_secs(30);

/// Where this process's own lines go: those of the devices that it is.
#[derive(Clone, Default)]
struct Lines(Arc<Mutex<Vec<u8>>>);

impl Write for Lines {
    fn write(&mut self, line: &[u8]) -> std::io::Result<usize> {
        self.0.lock().unwrap().extend_from_slice(line);
        Ok(line.len())
    }

    fn flush(&mut self) -> std::io::Result<()> {
        Ok(())
    }
}

struct Run {
    server: Server,
    /// Everything that is not an input lies below it.
    written: tempfile::TempDir,
    /// What is put in, in plain.
    inputs: tempfile::TempDir,
    markers: Markers,
    alice: Option<(Client, WorkspaceId)>,
    bob: Cli,
    lines: Lines,
    /// Where files lie, if not in the server's folder.
    bucket: Option<Bucket>,
}

impl Run {
    async fn new(json: bool, bucket: Option<Bucket>) -> Self {
        let (written, inputs) = (tempfile::tempdir().unwrap(), tempfile::tempdir().unwrap());
        let lines = Lines::default();
        let own = lines.clone();
        // One of them in a process: the first.
        let _ = tracing_subscriber::fmt()
            .with_max_level(tracing::level_filters::LevelFilter::TRACE)
            .with_writer(move || own.clone())
            .try_init();
        let mut markers = Markers::default();
        let temporary = written.path().join("temporary");
        std::fs::create_dir(&temporary).unwrap();
        let mut env = vec![("TMPDIR".into(), temporary.display().to_string())];
        if let Some(bucket) = &bucket {
            env.extend(bucket.environment());
            markers.text("the bucket's key", bucket::SECRET);
        }
        let mut server = Server::init_with(env);
        let config = server.folder.path().join("server.toml");
        let mut settings = format!(
            "[log]\nfilter = \"trace\"\njson = {json}\n[web]\nchat = true\n[server]\nmetrics = \"127.0.0.1:{}\"\n",
            server::free_port()
        );
        if let Some(bucket) = &bucket {
            settings.push_str(&format!("[files]\nstorage = \"{}\"\n", bucket.address()));
        }
        std::fs::write(&config, settings).unwrap();
        server.config = Some(config);
        server.serve();
        for (name, secret) in [("successor", "successor"), ("invite", "invite")] {
            let value = server.init[secret].as_str().unwrap();
            markers.text(name, value.rsplit_once('.').map_or(value, |(_, code)| code));
        }
        markers.text("passphrase", "server passphrase for tests");
        let memory = Arc::new(Memory::default());
        let name = markers.text("alice's name", "Alizvexku Qolumiprat");
        let (alice, workspace) = person(&written.path().join("alice"), &memory, server.owner_invite(), &name).await;
        alice.connect(workspace, PATIENCE).await.unwrap();
        markers.text("password", "correct horse battery");
        let mut bob = Cli::with_passphrase();
        bob.env = vec![
            ("TMPDIR".into(), temporary.display().to_string()),
            ("THECHATAPP_LOG".into(), "trace".into()),
            ("XDG_STATE_HOME".into(), written.path().join("state").display().to_string()),
        ];
        Self { server, written, inputs, markers, alice: Some((alice, workspace)), bob, lines, bucket }
    }

    fn word(&mut self, name: &str) -> String {
        let word = format!("Vexku{}Qolumi", name.replace([' ', '\''], ""));
        self.markers.text(name, &word)
    }

    /// A command of bob's, whose standard error is a log.
    fn bob(&mut self, args: &[&str]) -> String {
        let outcome = self.bob.run(args).ok();
        self.lines.write_all(outcome.stderr.as_bytes()).unwrap();
        outcome.stdout
    }

    /// A file to be put in.
    fn input(&mut self, name: &str, content: &[u8]) -> PathBuf {
        let path = self.inputs.path().join(name);
        std::fs::write(&path, content).unwrap();
        path
    }

    /// Where what must not be is. The passphrase's own file is one that an administrator wrote.
    fn found(&self) -> Vec<String> {
        let folders = [self.server.folder.path(), self.written.path(), &self.bob.profile()];
        let mut found = self.markers.found_below(&folders);
        let input = self.server.passphrase_file().display().to_string();
        found.retain(|place| !place.starts_with(&input));
        found.extend(
            self.markers.found_in(&self.lines.0.lock().unwrap()).into_iter().map(|name| format!("a log: {name}")),
        );
        for (name, bytes) in self.bucket.iter().flat_map(Bucket::objects) {
            for (place, bytes) in [("the bucket", bytes.as_slice()), ("a name in the bucket", name.as_bytes())] {
                found.extend(self.markers.found_in(bytes).into_iter().map(|what| format!("{place}: {name}: {what}")));
            }
        }
        found.into_iter().collect()
    }

    /// The files of people are where they belong, thumbnails and what came from a browser among them.
    fn files_are_there(&self) {
        let folder = files_below(&self.server.data().join("acme/files"));
        let names = |path: &PathBuf| path.file_name().unwrap().to_string_lossy().into_owned();
        let whole = |name: &String| !name.ends_with(".part");
        let in_folder: Vec<_> = folder.iter().map(names).filter(whole).collect();
        let places = match &self.bucket {
            None => in_folder,
            Some(bucket) => {
                assert_eq!(in_folder, Vec::<String>::new());
                bucket.objects().into_iter().map(|(name, _)| name).collect()
            }
        };
        // Alice's text, and carol's picture with its thumbnail.
        assert_eq!(places.len(), 3, "{places:?}");
        assert_eq!(places.iter().filter(|name| name.ends_with(".thumb")).count(), 1, "{places:?}");
    }
}

fn random() -> [u8; 10] {
    let mut bytes = [0; 10];
    getrandom::fill(&mut bytes).unwrap();
    bytes
}

fn new_message() -> MessageId {
    MessageId::from_parts(wire::millis(), &random())
}

fn new_channel() -> ChannelId {
    ChannelId::from_parts(wire::millis(), &random())
}

/// Methods that were never called, or never with success.
async fn unused(server: &Server) -> Vec<&'static str> {
    let config = std::fs::read_to_string(server.config.as_ref().unwrap()).unwrap();
    let address = config.split('"').find(|part| part.starts_with("127.0.0.1:")).unwrap();
    let mut stream = tokio::net::TcpStream::connect(address).await.unwrap();
    stream.write_all(b"GET /metrics HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n").await.unwrap();
    let mut page = String::new();
    stream.read_to_string(&mut page).await.unwrap();
    macro_rules! names {
        ($($method:ty),+ $(,)?) => { [$(<$method as Method>::NAME),+] };
    }
    let used = |method: &str| {
        let answered = format!("thechatapp_calls_total{{code=\"ok\",method=\"{method}\"}} ");
        page.lines().any(|line| line.strip_prefix(answered.as_str()).is_some_and(|count| count != "0"))
    };
    for_each_method!(names).into_iter().filter(|method| !used(method)).collect()
}

async fn run(json: bool, bucket: Option<Bucket>) {
    let mut run = Run::new(json, bucket).await;
    let general = run.of_alice().await;
    run.of_bob();
    run.of_reports().await;
    run.of_somebody(general).await;
    run.of_an_owner(general).await;
    run.in_a_browser(general).await;
    run.of_accounts().await;
    assert_eq!(unused(&run.server).await, Vec::<&str>::new(), "this run does not use a method");
    let (log, level) = (run.server.log(), if json { "\"level\":\"TRACE\"" } else { "TRACE" });
    assert!(log.contains(level) && log.len() > 100_000, "it is at its most talkative");
    assert!(run.lines.0.lock().unwrap().len() > 100_000, "and so are devices");
    run.files_are_there();
    assert_eq!(run.found(), Vec::<String>::new(), "while everything runs");
    run.of_the_host();
    assert_eq!(run.found(), Vec::<String>::new(), "after what administrators do");
    let limits = std::fs::read_to_string(format!("/proc/{}/limits", run.server.pid())).unwrap();
    let core = limits.lines().find(|line| line.starts_with("Max core file size")).unwrap();
    assert_eq!(core.split_whitespace().collect::<Vec<_>>()[4..6], ["0", "0"], "no core dumps: {core}");
    run.server.kill();
    assert_eq!(run.found(), Vec::<String>::new(), "after the server was killed");
    run.server.serve();
    assert_eq!(run.server.stop(), Some(0));
    let (alice, _) = run.alice.take().unwrap();
    alice.close().await.unwrap();
    assert_eq!(run.found(), Vec::<String>::new(), "after everything has ended");
}

#[tokio::test(flavor = "multi_thread")]
async fn nothing_that_people_write_is_written_down_in_plain() {
    run(false, None).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn nor_is_it_where_logs_are_for_machines_and_files_lie_in_a_bucket() {
    run(true, Some(Bucket::start())).await;
}

#[test]
fn the_search_would_find_each_form() {
    let (folder, mut markers) = (tempfile::tempdir().unwrap(), Markers::default());
    let word = markers.text("a word", "VexkuWordQolumi");
    let wide: Vec<u8> = word.encode_utf16().flat_map(u16::to_le_bytes).collect();
    let base64 = |skip: usize| data_encoding::BASE64.encode(format!("{}{word} and more", "x".repeat(skip)).as_bytes());
    let forms: Vec<(&str, Vec<u8>)> = vec![
        ("plain", format!("before {word} after").into_bytes()),
        ("small", word.to_lowercase().into_bytes()),
        ("wide", wide),
        ("hex", data_encoding::HEXLOWER.encode(word.as_bytes()).into_bytes()),
        ("base64", base64(0).into_bytes()),
        ("base64 one on", base64(1).into_bytes()),
        ("base64 two on", base64(2).into_bytes()),
        ("numbers", format!("{:?}", word.as_bytes()).into_bytes()),
    ];
    for (name, bytes) in &forms {
        std::fs::write(folder.path().join(name), bytes).unwrap();
    }
    std::fs::write(folder.path().join(format!("{word}.txt")), "").unwrap();
    std::fs::write(folder.path().join("another"), "VexkuAnotherQolumi").unwrap();
    assert_eq!(markers.found_below(&[folder.path()]).len(), forms.len() + 1);
    let found: &Path = folder.path();
    assert_eq!(files_below(found).len(), forms.len() + 2);
}
