use super::*;
use crate::backup::Keep;
use std::collections::HashMap;

fn read(file: &str, variables: &[(&str, &str)]) -> Result<Config> {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("config.toml");
    std::fs::write(&path, file).unwrap();
    let variables: HashMap<_, _> = variables.iter().copied().collect();
    Config::read(Some(&path), |name| variables.get(name).map(|value| (*value).to_owned()))
}

#[test]
fn the_environment_goes_over_the_file() {
    let config = read(
        "[server]\nlisten = \"127.0.0.1:1\"\npublic_url = \"https://a.example\"\n",
        &[("THECHATAPP_SERVER_LISTEN", "127.0.0.1:2"), ("THECHATAPP_IDENTITY_ALLOW_UNBOUND", "true")],
    )
    .unwrap();
    assert_eq!(config.server.listen, "127.0.0.1:2".parse().unwrap());
    assert_eq!(config.server.public_url.as_deref(), Some("https://a.example"));
    assert!(config.identity.allow_unbound);
}

#[test]
fn what_is_kept_is_off_or_filled_up() {
    assert_eq!(read("", &[]).unwrap().backup.keep(), None);
    let config = read("[backup]\nkeep_monthly = 3\n", &[("THECHATAPP_BACKUP_KEEP_DAILY", "2")]).unwrap();
    assert_eq!(config.backup.keep(), Some(Keep { daily: 2, weekly: 5, monthly: 3 }));
    assert!(read("", &[("THECHATAPP_BACKUP_KEEP_DAILY", "few")]).is_err());
}

#[test]
fn browsers_are_let_in_only_where_it_is_switched_on() {
    assert!(!read("", &[]).unwrap().web.chat);
    assert!(read("[web]\nchat = true\n", &[]).unwrap().web.chat);
    assert!(read("", &[("THECHATAPP_WEB_CHAT", "true")]).unwrap().web.chat);
    assert!(read("", &[("THECHATAPP_WEB_CHAT", "maybe")]).is_err());
}

#[test]
fn a_key_that_is_not_known_is_refused() {
    assert!(read("[server]\nlissten = \"127.0.0.1:1\"\n", &[]).is_err());
}

#[test]
fn a_passphrase_from_a_file_is_read_and_never_shown() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("secret");
    std::fs::write(&path, "open sesame\n").unwrap();
    let config = read("", &[("THECHATAPP_KEY_PASSPHRASE_FILE", path.to_str().unwrap())]).unwrap();
    assert_eq!(config.key.passphrase.as_deref(), Some("open sesame"));
    assert!(!config.show().unwrap().contains("sesame"));
    assert!(!format!("{config:?}").contains("sesame"));
}

#[test]
fn a_secret_that_may_be_renewed_is_named_and_not_read() {
    let variables = [("THECHATAPP_KEY_VAULT_TOKEN_FILE", "/run/token"), ("THECHATAPP_KEY_CACHE_SECONDS", "60")];
    let config = read("", &variables).unwrap();
    assert_eq!(config.key.vault_token_file.as_deref(), Some(Path::new("/run/token")));
    assert_eq!((config.key.vault_token, config.key.cache_seconds), (None, 60));
    for value in ["0", "-1", "soon"] {
        assert!(read("", &[("THECHATAPP_KEY_CACHE_SECONDS", value)]).is_err(), "{value}");
    }
    let shown = read("[key]\nvault_token = \"hvs.secret\"\npin = \"4321\"\n", &[]).unwrap();
    let text = format!("{}{shown:?}", shown.show().unwrap());
    assert!(!text.contains("hvs") && !text.contains("4321"));
}

#[test]
fn a_bucket_is_named_and_its_key_never_shown() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("secret");
    std::fs::write(&path, "open sesame\n").unwrap();
    let variables = [
        ("THECHATAPP_FILES_STORAGE", "s3://12/34"),
        ("THECHATAPP_FILES_ACCESS_KEY_ID", "0123"),
        ("THECHATAPP_FILES_SECRET_ACCESS_KEY_FILE", path.to_str().unwrap()),
        ("THECHATAPP_FILES_TIMEOUT_SECONDS", "5"),
        ("THECHATAPP_FILES_LARGEST", "1000"),
    ];
    let files = read("", &variables).unwrap().files;
    assert_eq!((files.storage.as_deref(), files.access_key_id.as_deref()), (Some("s3://12/34"), Some("0123")));
    assert_eq!((files.secret_access_key.as_deref(), files.timeout_seconds), (Some("open sesame"), 5));
    assert_eq!(files.largest, 1000);
    let config = read("", &variables).unwrap();
    assert!(!format!("{}{config:?}", config.show().unwrap()).contains("sesame"));
    for none in ["timeout_seconds", "thumbnail_seconds"] {
        assert!(read(&format!("[files]\n{none} = 0\n"), &[]).is_err());
    }
}

#[test]
fn keys_are_rotated_after_days_that_are_at_least_one() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("server.toml");
    let read = |text: &str| {
        std::fs::write(&path, text).unwrap();
        Config::read(Some(&path), |_| None)
    };
    let days = read("[key]\nkms = \"local:\"\n[key.rotate_days]\nchannels = 90\nworkspace = 365\n").unwrap();
    assert_eq!((days.key.rotate_days.channels, days.key.rotate_days.workspace), (Some(90), Some(365)));
    assert_eq!(days.key.rotate_days.session, None);
    assert!(days.show().unwrap().contains("[key.rotate_days]"));
    assert!(read("[key.rotate_days]\nkms = 0\n").is_err());
    assert!(read("[key.rotate_days]\nsearch = 9\n").is_err());
}

#[test]
fn what_a_workspace_s_own_key_service_wants_to_see_goes_before_what_the_host_s_does() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("secret");
    std::fs::write(&path, "open sesame\n").unwrap();
    let file = format!(
        "[key]\npassphrase = \"of the host\"\nvault_token = \"hvs.host\"\n\
         [key.workspace.acme-lab]\npassphrase_file = {path:?}\n[key.workspace.b]\nvault_token = \"hvs.of-b\"\n"
    );
    let config = read(&file, &[]).unwrap();
    assert!(!config.show().unwrap().contains("hvs."), "{}", config.show().unwrap());
    assert!(!format!("{config:?}").contains("hvs."));
    let none = |_: &str| None;
    let own = config.key.of_workspace("acme-lab", none).unwrap();
    assert_eq!((own.passphrase.as_deref(), own.vault_token.as_deref()), (Some("open sesame"), Some("hvs.host")));
    let own = config.key.of_workspace("b", none).unwrap();
    assert_eq!((own.passphrase.as_deref(), own.vault_token.as_deref()), (Some("of the host"), Some("hvs.of-b")));
    let variable = |name: &str| match name {
        "THECHATAPP_KEY_WORKSPACE_C_D_VAULT_TOKEN_FILE" => Some("/run/token".to_owned()),
        "THECHATAPP_KEY_WORKSPACE_C_D_PASSPHRASE" => Some("of c-d".to_owned()),
        _ => None,
    };
    let own = config.key.of_workspace("c-d", variable).unwrap();
    assert_eq!((own.passphrase.as_deref(), own.vault_token), (Some("of c-d"), None), "the file is not outdone");
    assert_eq!(own.vault_token_file.as_deref(), Some(Path::new("/run/token")));
    std::fs::remove_file(&path).unwrap();
    assert!(config.key.of_workspace("acme-lab", none).is_err());
    assert!(read("[key.workspace.acme]\npasphrase = \"x\"\n", &[]).is_err());
}

#[test]
fn what_the_host_s_key_service_wants_to_see_goes_to_no_other_place() {
    let section = KeySection {
        kms: Some("vault+https://vault.example.org/transit/chat".into()),
        vault_token: Some("hvs.host".into()),
        pin_file: Some("/run/pin".into()),
        ..KeySection::default()
    };
    let given = |uri: &str| {
        let own = section.of_workspace_at(uri, "acme", |_| None).unwrap();
        (own.vault_token.is_some(), own.pin_file.is_some())
    };
    assert_eq!(given("vault+https://vault.example.org:443/transit/acme?namespace=acme"), (true, true));
    for elsewhere in [
        "vault+https://vault.customer.example/transit/chat",
        "vault+https://vault.example.org:8200/transit/chat",
        "vault+http://vault.example.org:443/transit/chat",
        "pkcs11:token=a;object=b?module-path=/usr/lib/m.so",
        "local:",
    ] {
        assert_eq!(given(elsewhere), (false, false), "{elsewhere}");
    }
    let token = |token: &str| format!("pkcs11:token={token};object=b?module-path=/usr/lib/m.so");
    let section = KeySection { kms: Some(token("a")), pin: Some("1234".into()), ..KeySection::default() };
    let pin = |uri: &str| section.of_workspace_at(uri, "acme", |_| None).unwrap().pin;
    assert_eq!((pin(&token("a").replace("=b", "=c")).as_deref(), pin(&token("z"))), (Some("1234"), None));
    let told = section.of_workspace_at(&token("z"), "acme", |name| name.ends_with("ACME_PIN").then(|| "1".to_owned()));
    assert_eq!(told.unwrap().pin.as_deref(), Some("1"));
}
