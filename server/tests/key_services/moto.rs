//! AWS KMS against moto's server (`cargo xtask setup` installs it).

use super::{gives_back_what_it_wrapped, service};
use std::io::{BufRead, BufReader};
use std::path::PathBuf;
use std::process::{Child, Command, Stdio};
use thechatapp_seal::{Key, KeyService, KmsError, WrapContext};
use thechatapp_server::config::KeySection;
use thechatapp_server::kms::KeySource;

const TESTS: [&str; 2] = ["moto::aws_kms_gives_back_what_it_wrapped", "moto::what_aws_kms_refuses_has_its_name"];

struct Moto {
    child: Child,
    url: String,
}

impl Drop for Moto {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

fn program() -> PathBuf {
    let path = std::env::var_os("PATH").unwrap_or_default();
    let cache = std::env::var_os("XDG_CACHE_HOME").map(PathBuf::from);
    let cache = cache.or_else(|| std::env::var_os("HOME").map(|home| PathBuf::from(home).join(".cache")));
    let folders = std::env::split_paths(&path).chain(cache.map(|cache| cache.join("thechatapp/tools/bin")));
    let found = folders.map(|folder| folder.join("moto_server")).find(|path| path.is_file());
    found.expect("moto's server is not installed: run `cargo xtask setup`")
}

impl Moto {
    fn start() -> Self {
        let mut command = Command::new(program());
        command.args(["-H", "127.0.0.1", "-p", "0"]).stdout(Stdio::null()).stderr(Stdio::piped());
        let mut child = command.spawn().unwrap();
        let mut lines = BufReader::new(child.stderr.take().unwrap()).lines();
        let running = lines.by_ref().map(|line| line.unwrap()).find(|line| line.contains("Running on http://"));
        let running = running.expect("moto's server starts");
        let url = running.split_whitespace().find(|word| word.starts_with("http://")).unwrap().to_owned();
        // It logs each request, and must not wait for somebody to read that.
        std::thread::spawn(move || lines.for_each(drop));
        Self { child, url }
    }

    fn client(&self) -> (tokio::runtime::Runtime, aws_sdk_kms::Client) {
        let runtime = tokio::runtime::Runtime::new().unwrap();
        let config = runtime.block_on(
            aws_config::defaults(aws_config::BehaviorVersion::latest())
                .http_client(aws_smithy_http_client::Builder::new().build_http())
                .endpoint_url(&self.url)
                .load(),
        );
        (runtime, aws_sdk_kms::Client::new(&config))
    }

    fn service(&self, key: &str) -> std::sync::Arc<dyn KeyService> {
        let uri = format!("aws-kms:{key}?region=eu-central-1&endpoint={}", self.url);
        service(&KeySource::parse(&uri, &KeySection::default(), || unreachable!()).unwrap())
    }
}

/// Credentials come from the environment, which is for a process of its own.
fn in_a_process_of_its_own(number: usize) -> bool {
    if std::env::var_os("AWS_ACCESS_KEY_ID").is_some_and(|id| id == "thechatapp-tests") {
        return true;
    }
    let mut again = Command::new(std::env::current_exe().unwrap());
    again.args(["--exact", TESTS[number], "--nocapture"]);
    again.env("AWS_ACCESS_KEY_ID", "thechatapp-tests").env("AWS_SECRET_ACCESS_KEY", "unused");
    again.env("AWS_REGION", "eu-central-1").env_remove("AWS_PROFILE").env_remove("AWS_SESSION_TOKEN");
    let done = again.output().unwrap();
    let said = String::from_utf8_lossy(&done.stdout);
    assert!(done.status.success(), "{said}\n{}", String::from_utf8_lossy(&done.stderr));
    assert!(said.contains("1 passed"), "{said}");
    false
}

#[test]
fn aws_kms_gives_back_what_it_wrapped() {
    if !in_a_process_of_its_own(0) {
        return;
    }
    let moto = Moto::start();
    let (runtime, client) = moto.client();
    let key = runtime.block_on(client.create_key().send()).unwrap().key_metadata.unwrap();
    runtime.block_on(client.create_alias().alias_name("alias/chat").target_key_id(&key.key_id).send()).unwrap();
    for name in [key.key_id.as_str(), key.arn.as_deref().unwrap(), "alias/chat"] {
        let aws = moto.service(name);
        assert_eq!((aws.provider(), aws.key_id().as_str()), ("aws-kms", name));
        gives_back_what_it_wrapped(&*aws);
    }
}

#[test]
fn what_aws_kms_refuses_has_its_name() {
    if !in_a_process_of_its_own(1) {
        return;
    }
    let moto = Moto::start();
    let (runtime, client) = moto.client();
    let make = || runtime.block_on(client.create_key().send()).unwrap().key_metadata.unwrap().key_id;
    let (key, another) = (make(), make());
    let (asked, secret) = (WrapContext::new("acme"), Key::random().unwrap());
    let aws = moto.service(&key);
    let wrapped = aws.wrap(&asked, &secret).unwrap();

    let missing = moto.service("00000000-0000-0000-0000-000000000000");
    assert!(matches!(missing.wrap(&asked, &secret), Err(KmsError::NotFound)));
    assert!(moto.service(&another).unwrap(&asked, &wrapped).is_err());

    runtime.block_on(client.disable_key().key_id(&key).send()).unwrap();
    let disabled = aws.wrap(&asked, &secret);
    assert!(matches!(disabled, Err(KmsError::Disabled)), "{disabled:?}");
    runtime.block_on(client.enable_key().key_id(&key).send()).unwrap();
    assert_eq!(aws.unwrap(&asked, &wrapped).unwrap().expose(), secret.expose());

    drop(moto);
    assert!(matches!(aws.unwrap(&asked, &wrapped), Err(KmsError::Unavailable)));
}
