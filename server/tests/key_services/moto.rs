//! AWS KMS against moto's server (`cargo xtask setup` installs it).

use super::{gives_back_what_it_wrapped, service, takes_a_host};
use crate::support::moto::Moto;
use std::process::Command;
use std::sync::{Arc, Mutex};
use thechatapp_seal::{Key, KeyService, KmsError, WrapContext};
use thechatapp_server::config::KeySection;
use thechatapp_server::kms::KeySource;

const TESTS: [&str; 4] = [
    "moto::aws_kms_gives_back_what_it_wrapped",
    "moto::what_aws_kms_refuses_has_its_name",
    "moto::every_error_of_aws_kms_has_its_name",
    "moto::aws_kms_takes_a_host",
];

trait Kms {
    fn client(&self) -> (tokio::runtime::Runtime, aws_sdk_kms::Client);
    fn service(&self, key: &str) -> Arc<dyn KeyService>;
}

impl Kms for Moto {
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

    fn service(&self, key: &str) -> Arc<dyn KeyService> {
        at(&self.url, key)
    }
}

fn source(url: &str, key: &str) -> KeySource {
    let uri = format!("aws-kms:{key}?region=eu-central-1&endpoint={url}");
    KeySource::parse(&uri, &KeySection::default(), || unreachable!()).unwrap()
}

fn at(url: &str, key: &str) -> Arc<dyn KeyService> {
    service(&source(url, key))
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
fn aws_kms_takes_a_host() {
    if !in_a_process_of_its_own(3) {
        return;
    }
    let moto = Moto::start();
    let (runtime, client) = moto.client();
    let key = runtime.block_on(client.create_key().send()).unwrap().key_metadata.unwrap().key_id;
    takes_a_host(|| source(&moto.url, &key), || {});
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

    drop(moto);
    assert!(matches!(aws.unwrap(&asked, &wrapped), Err(KmsError::Unavailable)));
}

/// What moto does not refuse, as AWS's own interface says it (AWS JSON 1.1).
#[test]
fn every_error_of_aws_kms_has_its_name() {
    if !in_a_process_of_its_own(2) {
        return;
    }
    let says = Arc::new(Mutex::new((200, String::new())));
    let runtime = tokio::runtime::Runtime::new().unwrap();
    let listener = runtime.block_on(tokio::net::TcpListener::bind("127.0.0.1:0")).unwrap();
    let url = format!("http://{}", listener.local_addr().unwrap());
    let said = says.clone();
    let answer = async move || {
        let (status, body) = said.lock().unwrap().clone();
        let headers = [("content-type", "application/x-amz-json-1.1")];
        (http::StatusCode::from_u16(status).unwrap(), headers, body)
    };
    let router = axum::Router::new().fallback(answer);
    runtime.spawn(async move { axum::serve(listener, router).await.unwrap() });
    let aws = at(&url, "alias/chat");
    let errors = [
        (400, r#"{"__type":"DisabledException","message":"it is disabled"}"#, "Disabled"),
        (400, r#"{"__type":"KMSInvalidStateException","message":"pending deletion"}"#, "Disabled"),
        (400, r#"{"__type":"AccessDeniedException","message":"not yours"}"#, "Denied"),
        (400, r#"{"__type":"ExpiredTokenException","message":"too old"}"#, "Denied"),
        (400, r#"{"__type":"ThrottlingException","message":"slower"}"#, "Throttled"),
        (400, r#"{"__type":"IncorrectKeyException","message":"another"}"#, "WrongKey"),
        (400, r#"{"__type":"InvalidCiphertextException"}"#, "WrongKey"),
        (400, r#"{"__type":"NotFoundException","message":"none"}"#, "NotFound"),
        (500, r#"{"__type":"KMSInternalException","message":"again"}"#, "Unavailable"),
        (503, "busy", "Unavailable"),
        (200, "<html>It works</html>", "Garbage"),
        (200, r#"{"Plaintext":"c2hvcnQ="}"#, "Garbage"),
        (200, "{}", "Garbage"),
    ];
    for (status, body, name) in errors {
        *says.lock().unwrap() = (status, body.to_owned());
        let answer = aws.unwrap(&WrapContext::new("acme"), b"wrapped");
        assert_eq!(format!("{:?}", answer.map(|_| "a key").unwrap_err()), name, "{status} {body}");
    }
}
