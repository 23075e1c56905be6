//! AWS KMS against moto's server (`cargo xtask setup` installs it).

use super::{OwnKeys, gives_back_what_it_wrapped, known_under_each_of_its_names, service, takes_a_host};
use crate::support::moto::Moto;
use std::process::Command;
use std::sync::atomic::Ordering::Relaxed;
use std::sync::{Arc, Mutex};
use thechatapp_seal::{Key, KeyService, KmsError, WrapContext};
use thechatapp_server::Kind;
use thechatapp_server::config::KeySection;
use thechatapp_server::kms::KeySource;

const TESTS: [&str; 7] = [
    "moto::aws_kms_gives_back_what_it_wrapped",
    "moto::what_aws_kms_refuses_has_its_name",
    "moto::every_error_of_aws_kms_has_its_name",
    "moto::aws_kms_takes_a_host",
    "moto::a_key_of_aws_is_known_under_each_of_its_names",
    "moto::the_deletion_of_a_key_of_aws_is_scheduled",
    "moto::a_deletion_that_was_ordered_before_is_found_where_the_key_s_name_is_its_own",
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

#[test]
fn a_key_of_aws_is_known_under_each_of_its_names() {
    if !in_a_process_of_its_own(4) {
        return;
    }
    let moto = Moto::start();
    let (runtime, client) = moto.client();
    let make = |alias: &str| {
        let key = runtime.block_on(client.create_key().send()).unwrap().key_metadata.unwrap();
        runtime.block_on(client.create_alias().alias_name(alias).target_key_id(&key.key_id).send()).unwrap();
        [key.key_id, key.arn.unwrap(), alias.to_owned()]
    };
    let keys = ["alias/host", "alias/lab", "alias/den"].map(make);
    let uri = |key: &String| format!("aws-kms:{key}?region=eu-central-1&endpoint={}", moto.url);
    known_under_each_of_its_names(keys.map(|names| names.each_ref().map(uri)), &KeySection::default());
}

#[test]
fn the_deletion_of_a_key_of_aws_is_scheduled() {
    if !in_a_process_of_its_own(5) {
        return;
    }
    let moto = Moto::start();
    let (runtime, client) = moto.client();
    let key = runtime.block_on(client.create_key().send()).unwrap().key_metadata.unwrap().key_id;
    let other = runtime.block_on(client.create_key().send()).unwrap().key_metadata.unwrap().key_id;
    runtime.block_on(client.create_alias().alias_name("alias/lab").target_key_id(&key).send()).unwrap();
    let deleted = |key: &str| {
        let known = runtime.block_on(client.describe_key().key_id(key).send()).unwrap().key_metadata.unwrap();
        known.deletion_date.map(|at| at.secs())
    };
    let uri = |key: &str| format!("aws-kms:{key}?region=eu-central-1&endpoint={}", moto.url);
    let scene = OwnKeys::new(&uri("alias/lab"), &KeySection::default());
    // Another key has the name by now: it is not taken for the workspace's.
    runtime.block_on(client.update_alias().alias_name("alias/lab").target_key_id(&other).send()).unwrap();
    let refused = scene.host.wipe_with_key("lab", Some(30)).unwrap_err();
    assert_eq!((refused.kind, deleted(&key), deleted(&other)), (Kind::KeyService, None, None), "{refused}");
    assert!(scene.host.find("lab").is_some());
    runtime.block_on(client.update_alias().alias_name("alias/lab").target_key_id(&key).send()).unwrap();
    let ended = scene.host.wipe_with_key("lab", Some(10)).unwrap();
    let (provider, name, at) = ended.scheduled.unwrap();
    assert_eq!((provider, name.as_str(), Some(at / 1000)), ("aws-kms", "alias/lab", deleted(&key)));
    let days = (at / 1000 - jiff::Timestamp::now().as_second()) as f64 / 86400.0;
    assert!((9.9..10.1).contains(&days), "{days}");
    assert_eq!((ended.destroyed.len(), ended.left.len(), deleted(&other)), (0, 0, None));
}

/// What moto does not know: a key that is to be deleted opens nothing, and says when it goes. The host and a third workspace have keys in
/// the same account.
#[test]
fn a_deletion_that_was_ordered_before_is_found_where_the_key_s_name_is_its_own() {
    if !in_a_process_of_its_own(6) {
        return;
    }
    const ARN: &str = "arn:aws:kms:eu-central-1:111122223333:key/0d990263-018e-4e65-a703-eff731de951e";
    let pending = Arc::new(std::sync::atomic::AtomicBool::new(false));
    let runtime = tokio::runtime::Runtime::new().unwrap();
    let listener = runtime.block_on(tokio::net::TcpListener::bind("127.0.0.1:0")).unwrap();
    let url = format!("http://{}", listener.local_addr().unwrap());
    let state = pending.clone();
    let answer = async move |headers: http::HeaderMap, body: String| {
        let body: serde_json::Value = serde_json::from_str(&body).unwrap();
        let named = body["KeyId"].as_str().unwrap();
        let key = if named == "alias/lab" { ARN } else { named };
        let refused = |name: &str| (http::StatusCode::BAD_REQUEST, serde_json::json!({ "__type": name }).to_string());
        let bytes = |name: &str| data_encoding::BASE64.decode(body[name].as_str().unwrap().as_bytes()).unwrap();
        let said = match headers["x-amz-target"].to_str().unwrap() {
            "TrentService.Encrypt" | "TrentService.Decrypt" if key == ARN && state.load(Relaxed) => {
                return refused("KMSInvalidStateException");
            }
            // What was wrapped names the key that did it.
            "TrentService.Encrypt" => {
                let wrapped = [key.as_bytes(), b" ", &bytes("Plaintext")].concat();
                serde_json::json!({ "KeyId": key, "CiphertextBlob": data_encoding::BASE64.encode(&wrapped) })
            }
            "TrentService.Decrypt" => {
                let wrapped = bytes("CiphertextBlob");
                let Some(opened) = wrapped.strip_prefix(format!("{key} ").as_bytes()) else {
                    return refused("IncorrectKeyException");
                };
                serde_json::json!({ "KeyId": key, "Plaintext": data_encoding::BASE64.encode(opened) })
            }
            "TrentService.DescribeKey" => serde_json::json!({ "KeyMetadata": {
                "KeyId": ARN.rsplit('/').next(), "KeyState": "PendingDeletion", "DeletionDate": 1_800_000_000.5
            } }),
            other => panic!("{other}"),
        };
        (http::StatusCode::OK, said.to_string())
    };
    runtime.spawn(async move { axum::serve(listener, axum::Router::new().fallback(answer)).await.unwrap() });
    let uri = |name: &str| format!("aws-kms:{name}?region=eu-central-1&endpoint={url}");
    for (name, ends) in [("alias/lab", false), (ARN, true)] {
        pending.store(false, Relaxed);
        let scene = OwnKeys::new(&uri(name), &KeySection::default());
        scene.host.move_to(&source(&url, "alias/host")).unwrap();
        scene.host.create_workspace("den", Vec::new()).unwrap();
        scene.moves("den", &uri("alias/den"), &KeySection::default()).unwrap();
        pending.store(true, Relaxed);
        let ended = scene.host.wipe_with_key("lab", Some(30));
        // What an alias names may be another key's end.
        assert_eq!(ended.is_ok(), ends, "{name}: {ended:?}");
        assert_eq!(scene.host.find("lab").is_none(), ends);
        if let Ok(ended) = ended {
            assert_eq!(ended.scheduled, Some(("aws-kms", name.to_owned(), 1_800_000_000_500)));
        }
    }
}
