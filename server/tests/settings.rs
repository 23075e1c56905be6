//! Settings: whose they are, and that each is acted on from the commit on that changes it.

#![allow(clippy::unwrap_used, clippy::indexing_slicing)]

mod support;

use support::files::Sealed;
use support::web::{Tab, sign_in};
use support::{Host, PASSWORD, Person};
use thechatapp_protocol::methods::account::{Nothing, WhoAmI};
use thechatapp_protocol::methods::messages::{
    DeleteMessage, EditMessage, EditMessageParams, Edits, EditsParams, OneMessage, SendMessage, SendMessageParams,
};
use thechatapp_protocol::methods::proof::{Confirm, ConfirmParams};
use thechatapp_protocol::methods::settings::*;
use thechatapp_protocol::settings::{EACH, Value};
use thechatapp_protocol::{Code, ErrorBody, Method};

fn to(name: &str, value: Value, version: u64) -> SetSettingParams {
    SetSettingParams { name: name.into(), value: Some(value), version }
}

async fn set<M>(who: &mut Person, name: &str, value: Value, version: u64) -> Result<SettingRow, ErrorBody>
where
    M: Method<Params = SetSettingParams, Reply = SettingRow>,
{
    who.call::<M>(&to(name, value, version)).await
}

#[tokio::test(flavor = "multi_thread")]
async fn each_section_is_changed_by_its_own_method_and_power_alone() {
    let host = Host::start().await;
    let mut owner = host.join_by(&host.owner_invite, "olga").await;
    let mut member = host.join("mia").await;
    let listed = owner.call::<ListSettings>(&Nothing {}).await.unwrap().settings;
    assert_eq!(listed.len(), EACH.len());
    for row in &listed {
        assert_eq!((row.version, &row.value), (0, &row.default));
        let params = SetSettingParams { name: row.name.clone(), value: None, version: 0 };
        macro_rules! refusals {
            ($($method:ident)*) => {[$((
                $method::NAME,
                owner.call::<$method>(&params).await.err().map(|body| body.code),
                member.call::<$method>(&params).await.unwrap_err().code,
            )),*]};
        }
        let section = row.name.split('.').next().unwrap();
        for (method, owners, members) in
            refusals!(SetServer SetAuthentication SetPrivacy SetWebChat SetAnalytics SetUpdates SetStorage)
        {
            let own = method == format!("settings.set_{section}");
            assert_eq!(owners, (!own).then_some(Code::NotFound), "{method} {}", row.name);
            assert_eq!(members, Code::Denied, "{method} {}", row.name);
        }
    }
    // A member knows what clients act on, and nothing of who set it.
    let known = member.call::<ListSettings>(&Nothing {}).await.unwrap().settings;
    let public: Vec<_> = EACH.iter().filter(|setting| setting.public).map(|setting| setting.name).collect();
    assert_eq!(known.iter().map(|row| row.name.as_str()).collect::<Vec<_>>(), public);
    let history = SettingHistoryParams { name: public[0].into() };
    assert_eq!(member.call::<SettingHistory>(&history).await.unwrap_err().code, Code::NotFound);
    assert_eq!(member.call::<Usage>(&UsageParams { days: 1 }).await.unwrap_err().code, Code::Denied);
}

#[tokio::test(flavor = "multi_thread")]
async fn what_was_set_stays_is_listed_with_its_past_and_can_be_taken_back() {
    let mut host = Host::start().await;
    let mut owner = host.join_by(&host.owner_invite, "olga").await;
    let name = "authentication.password_length";
    set::<SetAuthentication>(&mut owner, name, Value::Number(16), 0).await.unwrap();
    set::<SetAuthentication>(&mut owner, name, Value::Number(24), 1).await.unwrap();
    let stale = set::<SetAuthentication>(&mut owner, name, Value::Number(9), 1).await.unwrap_err();
    assert_eq!(stale.code, Code::Conflict);
    host.stop().await;
    host.serve().await;
    owner.again(&host).await;
    let row = owner.call::<ListSettings>(&Nothing {}).await.unwrap().settings.into_iter().find(|row| row.name == name);
    assert_eq!(row.map(|row| (row.value, row.version)), Some((Value::Number(24), 2)));
    let history = SettingHistoryParams { name: name.into() };
    let past = owner.call::<SettingHistory>(&history).await.unwrap().versions;
    assert_eq!(past.iter().map(|was| was.value.clone()).collect::<Vec<_>>(), [24, 16].map(Value::Number));
    assert!(past.iter().all(|was| was.by == owner.id()));
    let back = SetSettingParams { name: name.into(), value: None, version: 2 };
    assert_eq!(owner.call::<SetAuthentication>(&back).await.unwrap().value, Value::Number(10));
}

#[tokio::test(flavor = "multi_thread")]
async fn a_fresh_sign_in_lasts_as_long_as_was_set() {
    let host = Host::start().await;
    let mut owner = host.join_by(&host.owner_invite, "olga").await;
    set::<SetAuthentication>(&mut owner, "authentication.fresh_minutes", Value::Number(7), 0).await.unwrap();
    let confirmed = owner.call::<Confirm>(&ConfirmParams { password: PASSWORD.into(), code: None }).await.unwrap();
    assert_eq!(confirmed.fresh_seconds, 7 * 60);
}

#[tokio::test(flavor = "multi_thread")]
async fn former_texts_and_late_changes_follow_their_settings() {
    let host = Host::start().await;
    let mut owner = host.join_by(&host.owner_invite, "olga").await;
    let mut member = host.join("mia").await;
    let channel = member.general().await;
    let id = support::message_id();
    let sent = SendMessageParams { id, channel, text: "one".into(), files: Vec::new(), thread: None, after: None };
    member.call::<SendMessage>(&sent).await.unwrap();
    let edit = |text: &str| EditMessageParams { channel, id, text: text.into() };
    member.call::<EditMessage>(&edit("two")).await.unwrap();
    let former = EditsParams { channel, id, from: 0 };
    assert!(owner.call::<Edits>(&former).await.is_ok());
    for (word, version, authors) in [("authors", 0, true), ("nobody", 1, false)] {
        set::<SetPrivacy>(&mut owner, "privacy.former_texts", Value::Text(word.into()), version).await.unwrap();
        assert_eq!(owner.call::<Edits>(&former).await.unwrap_err().code, Code::Denied);
        assert_eq!(member.call::<Edits>(&former).await.is_ok(), authors, "{word}");
    }
    // Within its minute a message is still changed.
    set::<SetServer>(&mut owner, "server.edit_minutes", Value::Number(1), 0).await.unwrap();
    set::<SetServer>(&mut owner, "server.delete_minutes", Value::Number(1), 0).await.unwrap();
    member.call::<EditMessage>(&edit("three")).await.unwrap();
    member.call::<DeleteMessage>(&OneMessage { channel, id }).await.unwrap();
}

#[tokio::test(flavor = "multi_thread")]
async fn files_are_bounded_by_whichever_bound_is_lower() {
    let host = Host::start().await;
    let mut owner = host.join_by(&host.owner_invite, "olga").await;
    let channel = owner.general().await;
    set::<SetStorage>(&mut owner, "storage.largest_file", Value::Number(1000), 0).await.unwrap();
    let upload = Sealed::new(&owner, channel, 1, vec![7; 2000]);
    assert_eq!(upload.begin(&mut owner).await.unwrap_err().code, Code::BadInput);
    set::<SetStorage>(&mut owner, "storage.largest_file", Value::Number(3000), 1).await.unwrap();
    upload.upload(&host, &mut owner).await;
    set::<SetStorage>(&mut owner, "storage.files_per_person", Value::Number(2500), 0).await.unwrap();
    let more = Sealed::new(&owner, channel, 2, vec![7; 1000]);
    assert_eq!(more.begin(&mut owner).await.unwrap_err().code, Code::DiskFull);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_workspace_without_browsers_ends_what_they_do_at_once() {
    let host = Host::with_browsers().await;
    let mut owner = host.join_by(&host.owner_invite, "olga").await;
    let answer = sign_in(host.port, "acme", "olga", PASSWORD).await;
    let pair = answer.header("set-cookie").split_once("; ").unwrap().0.to_owned();
    let tab = Tab { port: host.port, workspace: "acme".into(), cookie: pair, me: None };
    assert!(tab.call::<WhoAmI>(&Nothing {}).await.is_ok());
    set::<SetWebChat>(&mut owner, "web_chat.enabled", Value::Switch(false), 0).await.unwrap();
    assert_eq!(tab.call::<WhoAmI>(&Nothing {}).await.unwrap_err().code, Code::Denied);
    assert_eq!(sign_in(host.port, "acme", "olga", PASSWORD).await.status, 403);
    set::<SetWebChat>(&mut owner, "web_chat.enabled", Value::Switch(true), 1).await.unwrap();
    assert!(tab.call::<WhoAmI>(&Nothing {}).await.is_ok());
}

#[tokio::test(flavor = "multi_thread")]
async fn usage_is_counted_where_that_is_wanted() {
    let host = Host::start().await;
    let mut owner = host.join_by(&host.owner_invite, "olga").await;
    let channel = owner.general().await;
    owner.send(channel, "one").await.unwrap();
    let used = owner.call::<Usage>(&UsageParams { days: 7 }).await.unwrap();
    assert_eq!((used.accounts, used.channels, used.messages, used.days.len()), (1, 1, 1, 1));
    assert_eq!((used.days[0].messages, used.days[0].people), (1, 1));
    set::<SetAnalytics>(&mut owner, "analytics.enabled", Value::Switch(false), 0).await.unwrap();
    assert_eq!(owner.call::<Usage>(&UsageParams { days: 7 }).await.unwrap_err().code, Code::BadInput);
}

#[test]
fn the_page_for_administrators_has_every_setting() {
    let package = std::env::var_os("CARGO_MANIFEST_DIR").unwrap();
    let page = std::fs::read_to_string(std::path::Path::new(&package).join("../docs/settings.md")).unwrap();
    for setting in EACH {
        let line = format!("| `{}` | {} |", setting.name, setting.power.name());
        assert!(
            page.lines().any(|of| of.starts_with(&line) && of.ends_with(&format!("| {} |", setting.about))),
            "{line}"
        );
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn every_device_is_told_which_apps_are_asked_for_when_its_sync_begins() {
    let host = Host::start().await;
    let mut owner = host.join_by(&host.owner_invite, "olga").await;
    let mut member = host.join("mia").await;
    let told = member.sync(0).await.0.updates.unwrap();
    assert_eq!((told.channel.as_str(), told.minimum), ("stable", None));
    set::<SetUpdates>(&mut owner, "updates.channel", Value::Text("beta".into()), 0).await.unwrap();
    set::<SetUpdates>(&mut owner, "updates.minimum_version", Value::Text("9.0.0".into()), 0).await.unwrap();
    member.again(&host).await;
    let told = member.sync(0).await.0.updates.unwrap();
    assert!(told.channel == "beta" && told.require("8.99.0"), "{told:?}");
}

#[tokio::test(flavor = "multi_thread")]
async fn every_device_is_told_how_much_it_may_keep_when_its_sync_begins() {
    let host = Host::start().await;
    let mut owner = host.join_by(&host.owner_invite, "olga").await;
    let mut member = host.join("mia").await;
    let told = member.sync(0).await.0.bounds.unwrap();
    assert_eq!((told.days, told.megabytes), (None, None));
    set::<SetStorage>(&mut owner, "storage.device_days", Value::Number(90), 0).await.unwrap();
    set::<SetStorage>(&mut owner, "storage.device_megabytes", Value::Number(500), 0).await.unwrap();
    member.again(&host).await;
    let told = member.sync(0).await.0.bounds.unwrap();
    assert_eq!((told.days, told.megabytes), (Some(90), Some(500)));
}
