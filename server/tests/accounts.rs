//! Accounts: what proves who one is, by every way in, and what closes an account at once.

#![allow(clippy::unwrap_used, clippy::indexing_slicing)]

mod support;

use std::sync::Arc;
use std::time::Duration;
use support::accounts::{MINUTE, NEW_PASSWORD, acts_on, by_device, code, owned, params, pass};
use support::web::{Answer, Tab, own_page, raw, sign_in};
use support::{Host, PASSWORD, Person, millis};
use thechatapp_protocol::audit::Target;
use thechatapp_protocol::event::ChannelKind;
use thechatapp_protocol::http::api_path;
use thechatapp_protocol::identity::Invite;
use thechatapp_protocol::methods::account::{Credential, Nothing, SignIn, SignInParams, WhoAmI};
use thechatapp_protocol::methods::channels::{CreateChannel, CreateChannelParams};
use thechatapp_protocol::methods::devices::*;
use thechatapp_protocol::methods::people::*;
use thechatapp_protocol::methods::proof::*;
use thechatapp_protocol::methods::settings::{SetAuthentication, SetSettingParams};
use thechatapp_protocol::permission::Rank;
use thechatapp_protocol::session::StaticKey;
use thechatapp_protocol::settings::Value;
use thechatapp_protocol::{AccountId, Code, ErrorBody, Method, Row};

fn confirm(password: &str) -> ConfirmParams {
    ConfirmParams { password: password.into(), code: None }
}

async fn by_reset(host: &Host, name: &str, reset: &str, code: Option<&str>) -> Result<Person, ErrorBody> {
    let (reset, password) = (reset.to_owned(), NEW_PASSWORD.to_owned());
    let credential = Credential::Reset { name: name.into(), reset, password, code: code.map(str::to_owned) };
    host.enrol(&Arc::new(StaticKey::random().unwrap()), credential).await
}

async fn browser(host: &Host, params: &SignInParams, cookie: Option<&str>) -> Answer {
    let mut headers = own_page(host.port);
    headers.extend(cookie.map(|cookie| ("Cookie", cookie.to_owned())));
    raw(host.port, "POST", &api_path("acme", SignIn::NAME), &headers, &serde_json::to_vec(params).unwrap()).await
}

/// The code of an authenticator some steps from now.
fn code_at(secret: &TotpSecret, steps: i64) -> String {
    let made = totp_rs::TOTP::from_url(&secret.uri).unwrap();
    made.generate((millis() / 1000).checked_add_signed(steps * 30).unwrap())
}

/// Waits for a step with room: the codes that a test shows must not change under it.
async fn with_factor(person: &mut Person) -> (TotpSecret, Vec<String>) {
    while millis() / 1000 % 30 > 20 {
        tokio::time::sleep(Duration::from_millis(200)).await;
    }
    let secret = person.call::<BeginTotp>(&Nothing {}).await.unwrap();
    let code = code_at(&secret, -1);
    let codes = person.call::<FinishTotp>(&CodeParams { code }).await.unwrap().codes;
    (secret, codes)
}

#[tokio::test(flavor = "multi_thread")]
async fn what_wants_a_fresh_sign_in_gets_it_by_the_password_on_devices_and_in_browsers() {
    let (host, mut owner) = owned().await;
    let bob = host.join("bob").await;
    let mut tab = Tab::open(host.port, "acme", "owner").await;
    let suspend = OnePerson { person: bob.id() };
    pass(&host, 10 * MINUTE).await;
    assert_eq!(code(owner.call::<Suspend>(&suspend).await), Some(Code::StepUp));
    assert_eq!(code(tab.call::<Suspend>(&suspend).await), Some(Code::StepUp));
    assert_eq!(code(owner.call::<Confirm>(&confirm("not the password")).await), Some(Code::Denied));
    assert_eq!(code(owner.call::<Suspend>(&suspend).await), Some(Code::StepUp));
    owner.call::<Confirm>(&confirm(PASSWORD)).await.unwrap();
    assert_eq!(code(tab.call::<Suspend>(&suspend).await), Some(Code::StepUp), "on one device is not in a browser");
    owner.call::<Suspend>(&suspend).await.unwrap();
    let confirmed = tab.post::<Confirm>(&confirm(PASSWORD)).await;
    assert_eq!(confirmed.status, 200);
    let copy = std::mem::replace(&mut tab.cookie, confirmed.cookie());
    let copied = Tab { cookie: copy, ..tab.clone() };
    copied.call::<WhoAmI>(&Nothing {}).await.unwrap();
    assert_eq!(code(copied.call::<Reinstate>(&suspend).await), Some(Code::StepUp), "what was copied before");
    tab.call::<Reinstate>(&suspend).await.unwrap();
    let acts = acts_on(&host, Target::Device(owner.me.device)).await;
    assert_eq!(acts, ["device.enrolled", "session.confirmed"]);
    let acts = acts_on(&host, Target::Person(bob.id())).await;
    assert_eq!(acts, ["account.joined", "account.suspended", "account.reinstated"]);
    pass(&host, 10 * MINUTE).await;
    assert_eq!(code(owner.call::<Suspend>(&suspend).await), Some(Code::StepUp));
    let invite = |rank| InvitePersonParams { name: None, rank, channels: Vec::new() };
    owner.call::<InvitePerson>(&invite(Rank::Member)).await.unwrap();
    let powerful = owner.call::<InvitePerson>(&invite(Rank::Manager)).await;
    assert_eq!(code(powerful), Some(Code::StepUp), "an invite that gives powers");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_stranger_closes_a_name_for_strangers_and_nobody_out_of_their_own_devices() {
    let (mut host, mut owner) = owned().await;
    let first = sign_in(host.port, "acme", "owner", PASSWORD).await;
    let known = first.cookies.iter().find(|cookie| cookie.contains(".known=")).unwrap().clone();
    for _ in 0..5 {
        assert_eq!(code(by_device(&host, "owner", "guess after guess", None).await), Some(Code::Denied));
    }
    let stranger = by_device(&host, "owner", PASSWORD, None).await.err().unwrap();
    assert_eq!(stranger.code, Code::LockedOut);
    assert!(stranger.seconds.is_some_and(|seconds| (50..=60).contains(&seconds)));
    assert_eq!(sign_in(host.port, "acme", "owner", PASSWORD).await.error().code, Code::LockedOut);

    // Her laptop, and the browser in which she signed in before.
    owner.call::<Confirm>(&confirm(PASSWORD)).await.unwrap();
    let again = browser(&host, &params("owner", PASSWORD), Some(&known)).await;
    assert_eq!(again.status, 200, "{again:?}");
    let renewed = again.cookies.iter().find(|cookie| cookie.contains(".known=")).unwrap();
    assert_ne!(renewed, &known);
    assert_eq!(browser(&host, &params("owner", PASSWORD), Some(&known)).await.status, 429, "it was replaced");
    assert_eq!(browser(&host, &params("bob", PASSWORD), Some(renewed)).await.status, 403, "it is known to no other");

    // Nobody is forgiven by a restart, and nobody waits for longer than an hour.
    host.stop().await;
    host.serve().await;
    assert_eq!(code(by_device(&host, "owner", PASSWORD, None).await), Some(Code::LockedOut));
    let status = Tab { port: host.port, workspace: "acme".into(), cookie: again.cookie(), me: None };
    let account = status.call::<OwnAccount>(&Nothing {}).await.unwrap();
    assert_eq!(
        account.failures.iter().map(|one| (one.closed_for, one.failures)).collect::<Vec<_>>(),
        [(ClosedFor::Strangers, 5)]
    );
    pass(&host, MINUTE).await;
    by_device(&host, "owner", PASSWORD, None).await.unwrap();
    let acts = acts_on(&host, Target::Person(owner.id())).await;
    // Its time ran out; what was right in the end closed it again while it was looked at.
    assert_eq!(acts, ["account.joined", "lockout.begun", "lockout.ended", "lockout.begun", "lockout.ended"]);
}

#[tokio::test(flavor = "multi_thread")]
async fn whoever_has_an_administrators_code_is_no_stranger() {
    let (host, mut owner) = owned().await;
    let mut alice = host.join("alice").await;
    let (_, recovery) = with_factor(&mut alice).await;
    let reset = owner.call::<IssueReset>(&OnePerson { person: alice.id() }).await.unwrap().code;
    for _ in 0..5 {
        assert_eq!(code(by_reset(&host, "alice", "AAAAAAAAAAAAAAAAAAAAAA", None).await), Some(Code::Denied));
    }
    assert_eq!(code(by_device(&host, "alice", PASSWORD, None).await), Some(Code::LockedOut));
    assert_eq!(code(by_reset(&host, "alice", "AAAAAAAAAAAAAAAAAAAAAA", None).await), Some(Code::LockedOut));
    // A password that may not be chosen is told to whoever has the code, and counts for nothing.
    for _ in 0..6 {
        let credential = Credential::Reset {
            name: "alice".into(),
            reset: reset.clone(),
            password: "password1234".into(),
            code: None,
        };
        let refused = host.enrol(&Arc::new(StaticKey::random().unwrap()), credential).await;
        assert_eq!(code(refused), Some(Code::BadInput));
    }
    assert_eq!(code(by_reset(&host, "alice", &reset, None).await), Some(Code::SecondFactor));
    by_reset(&host, "alice", &reset, Some(&recovery[0])).await.unwrap();
    assert_eq!(code(by_device(&host, "alice", NEW_PASSWORD, None).await), Some(Code::LockedOut), "a stranger still is");

    // Whose second factor is guessed by it closes the code, as a device would close.
    let reset = owner.call::<IssueReset>(&OnePerson { person: alice.id() }).await.unwrap().code;
    for _ in 0..5 {
        assert_eq!(code(by_reset(&host, "alice", &reset, Some("000000")).await), Some(Code::Denied));
    }
    assert_eq!(code(by_reset(&host, "alice", &reset, Some(&recovery[1])).await), Some(Code::LockedOut));
}

#[tokio::test(flavor = "multi_thread")]
async fn an_invite_costs_as_many_hashes_as_it_has_uses() {
    let (host, _owner) = owned().await;
    let invite: Invite = host.invite(2).await.parse().unwrap();
    let before = host.running().host().passwords().computed();
    let join =
        |name: &str| Credential::Invite { code: invite.code.clone(), name: name.into(), password: PASSWORD.into() };
    let devices: Vec<_> = (0..12).map(|_| Arc::new(StaticKey::random().unwrap())).collect();
    let names: Vec<_> = (0..12).map(|number| format!("person {number}")).collect();
    let joins = devices.iter().zip(&names).map(|(device, name)| host.enrol(device, join(name)));
    let answers = futures_util::future::join_all(joins).await;
    let codes: Vec<_> = answers.into_iter().map(code).collect();
    assert_eq!(codes.iter().filter(|code| code.is_none()).count(), 2, "{codes:?}");
    assert!(codes.iter().flatten().all(|code| matches!(code, Code::Busy | Code::Denied)), "{codes:?}");
    // A name that is taken is seen before.
    let third: Invite = host.invite(1).await.parse().unwrap();
    let taken = Credential::Invite { code: third.code, name: "owner".into(), password: PASSWORD.into() };
    let device = Arc::new(StaticKey::random().unwrap());
    assert_eq!(code(host.enrol(&device, taken).await), Some(Code::Conflict));
    assert_eq!(host.running().host().passwords().computed() - before, 2);
}

#[tokio::test(flavor = "multi_thread")]
async fn each_of_ones_own_devices_closes_for_itself() {
    let (host, mut laptop) = owned().await;
    let mut phone = by_device(&host, "owner", PASSWORD, None).await.unwrap();
    for _ in 0..5 {
        assert_eq!(code(laptop.call::<Confirm>(&confirm("wrong guess")).await), Some(Code::Denied));
    }
    assert_eq!(code(laptop.call::<Confirm>(&confirm(PASSWORD)).await), Some(Code::LockedOut));
    let change =
        ChangePasswordParams { old: PASSWORD.into(), new: NEW_PASSWORD.into(), code: None, sign_out_others: false };
    assert_eq!(code(laptop.call::<ChangePassword>(&change).await), Some(Code::LockedOut), "one count for both");
    assert_eq!(phone.call::<Confirm>(&confirm(PASSWORD)).await.unwrap().fresh_seconds, 600);
    by_device(&host, "owner", PASSWORD, None).await.unwrap();
    laptop.call::<WhoAmI>(&Nothing {}).await.unwrap();
}

#[tokio::test(flavor = "multi_thread")]
async fn every_way_in_asks_for_the_second_factor() {
    let (host, mut owner) = owned().await;
    let mut alice = host.join("alice").await;
    let tab = Tab::open(host.port, "acme", "alice").await;
    let (secret, recovery) = with_factor(&mut alice).await;
    let wanted = Some(Code::SecondFactor);

    // Without its code: enrolment, browsers, step-up on a device and in a browser, a new password, a reset by both ways.
    let reset = owner.call::<IssueReset>(&OnePerson { person: alice.id() }).await.unwrap().code;
    assert_eq!(code(by_device(&host, "alice", PASSWORD, None).await), wanted);
    assert_eq!(sign_in(host.port, "acme", "alice", PASSWORD).await.error().code, Code::SecondFactor);
    assert_eq!(code(alice.call::<Confirm>(&confirm(PASSWORD)).await), wanted);
    assert_eq!(code(tab.call::<Confirm>(&confirm(PASSWORD)).await), wanted);
    let change =
        ChangePasswordParams { old: PASSWORD.into(), new: NEW_PASSWORD.into(), code: None, sign_out_others: false };
    assert_eq!(code(alice.call::<ChangePassword>(&change).await), wanted);
    assert_eq!(code(by_reset(&host, "alice", &reset, None).await), wanted);
    let by_browser = SignInParams { reset: Some(reset.clone()), ..params("alice", NEW_PASSWORD) };
    assert_eq!(browser(&host, &by_browser, None).await.error().code, Code::SecondFactor);
    // An invite that is used up is no way around it for a device that asks again.
    let credential = Credential::Invite { code: "used-up".into(), name: "alice".into(), password: PASSWORD.into() };
    let invited = host.enrol(&Arc::new(StaticKey::random().unwrap()), credential).await;
    assert_eq!(code(invited), Some(Code::Denied));
    // Who has the password of nobody is not told that a code is wanted.
    assert_eq!(code(by_device(&host, "alice", "not the password", None).await), Some(Code::Denied));

    // With a code, each way once; a code counts once, in whatever way.
    assert_eq!(code(by_device(&host, "alice", PASSWORD, Some("000000")).await), Some(Code::Denied));
    let now = code_at(&secret, 0);
    by_device(&host, "alice", PASSWORD, Some(&now)).await.unwrap();
    assert_eq!(code(by_device(&host, "alice", PASSWORD, Some(&now)).await), Some(Code::Denied));
    let with = |code: &str| ConfirmParams { code: Some(code.to_owned()), ..confirm(PASSWORD) };
    assert_eq!(code(tab.call::<Confirm>(&with(&now)).await), Some(Code::Denied));
    tab.call::<Confirm>(&with(&code_at(&secret, 1))).await.unwrap();
    alice.call::<Confirm>(&with(&recovery[0])).await.unwrap();
    assert_eq!(code(alice.call::<Confirm>(&with(&recovery[0])).await), Some(Code::Denied));
    let with_recovery = SignInParams { code: Some(recovery[1].clone()), ..params("alice", PASSWORD) };
    assert_eq!(browser(&host, &with_recovery, None).await.status, 200);
    // The reset's code was not used up by those who had no second factor.
    let mut alice = by_reset(&host, "alice", &reset, Some(&recovery[2])).await.unwrap();
    assert_eq!(alice.call::<OwnAccount>(&Nothing {}).await.unwrap().recovery_codes, 7);
    assert_eq!(code(by_reset(&host, "alice", &reset, Some(&recovery[3])).await), Some(Code::Denied), "once");
    assert_eq!(code(by_device(&host, "alice", PASSWORD, Some(&recovery[3])).await), Some(Code::Denied), "the old one");

    // It ends by a code, or by an administrator.
    assert_eq!(code(alice.call::<EndTotp>(&CodeParams { code: "000000".into() }).await), Some(Code::Denied));
    alice.call::<EndTotp>(&CodeParams { code: recovery[3].clone() }).await.unwrap();
    by_device(&host, "alice", NEW_PASSWORD, None).await.unwrap();
    with_factor(&mut alice).await;
    owner.call::<RemoveTotp>(&OnePerson { person: alice.id() }).await.unwrap();
    by_device(&host, "alice", NEW_PASSWORD, None).await.unwrap();
    let acts = acts_on(&host, Target::Person(alice.id())).await;
    let factors: Vec<_> = acts.iter().filter(|act| act.starts_with("totp.")).collect();
    assert_eq!(factors, ["totp.begun", "totp.ended", "totp.begun", "totp.removed"]);
}

#[tokio::test(flavor = "multi_thread")]
async fn codes_are_counted_as_passwords_are_and_the_password_alone_forgets_none_of_them() {
    let (host, mut alice) = owned().await;
    let (secret, _) = with_factor(&mut alice).await;
    for _ in 0..4 {
        assert_eq!(code(by_device(&host, "owner", PASSWORD, Some("000000")).await), Some(Code::Denied));
        assert_eq!(code(by_device(&host, "owner", PASSWORD, None).await), Some(Code::SecondFactor));
    }
    assert_eq!(code(by_device(&host, "owner", PASSWORD, Some("000000")).await), Some(Code::Denied));
    let right = code_at(&secret, 0);
    assert_eq!(code(by_device(&host, "owner", PASSWORD, Some(&right)).await), Some(Code::LockedOut));
    // On her own device: the end of the factor is guessed at no more than the rest.
    for _ in 0..5 {
        assert_eq!(code(alice.call::<EndTotp>(&CodeParams { code: "000000".into() }).await), Some(Code::Denied));
    }
    assert_eq!(code(alice.call::<EndTotp>(&CodeParams { code: right }).await), Some(Code::LockedOut));
}

#[tokio::test(flavor = "multi_thread")]
async fn names_that_nobody_has_and_accounts_that_are_closed_have_one_answer() {
    let (host, mut owner) = owned().await;
    let bob = host.join("bob").await;
    owner.call::<Suspend>(&OnePerson { person: bob.id() }).await.unwrap();
    let waits = InvitePersonParams { name: Some("carol".into()), rank: Rank::Member, channels: Vec::new() };
    owner.call::<InvitePerson>(&waits).await.unwrap();
    let gone = host.join("dora").await;
    let delete = DeletePersonParams { person: gone.id(), content: Some(Content::Keep) };
    owner.call::<DeletePerson>(&delete).await.unwrap();
    let mut answers = Vec::new();
    for name in ["owner", "nobody", "bob", "carol", "dora"] {
        let password = if name == "owner" { "not the password" } else { PASSWORD };
        let device = by_device(&host, name, password, None).await.err().unwrap();
        let tab = sign_in(host.port, "acme", name, password).await;
        let reset = by_reset(&host, name, "AAAAAAAAAAAAAAAAAAAAAA", None).await.err().unwrap();
        assert_eq!(device.code, Code::Denied, "{name}");
        answers.push((device, tab.status, tab.body, reset));
    }
    for answer in &answers {
        assert_eq!(answer, &answers[0]);
    }
    assert!(!answers[0].1.to_string().starts_with('2'));
}

#[tokio::test(flavor = "multi_thread")]
async fn a_password_is_changed_by_who_knows_it_and_others_are_signed_out_when_that_is_asked() {
    let (host, mut alice) = owned().await;
    let mut phone = by_device(&host, "owner", PASSWORD, None).await.unwrap();
    let tab = Tab::open(host.port, "acme", "owner").await;
    let change = |old: &str, new: &str, out| ChangePasswordParams {
        old: old.into(),
        new: new.into(),
        code: None,
        sign_out_others: out,
    };
    for weak in ["short", "password1234", "Owner12345"] {
        assert_eq!(
            code(alice.call::<ChangePassword>(&change(PASSWORD, weak, true)).await),
            Some(Code::BadInput),
            "{weak}"
        );
    }
    // How long it has to be is a setting.
    let length = |length| SetSettingParams {
        name: "authentication.password_length".into(),
        value: Some(Value::Number(length)),
        version: 0,
    };
    alice.call::<SetAuthentication>(&length(40)).await.unwrap();
    let short = change(PASSWORD, NEW_PASSWORD, true);
    let refused = alice.call::<ChangePassword>(&short).await.unwrap_err();
    assert_eq!(refused.why, "it has fewer than 40 characters");
    alice.call::<SetAuthentication>(&SetSettingParams { version: 1, ..length(10) }).await.unwrap();
    let wrong = change("not the password", NEW_PASSWORD, true);
    assert_eq!(code(alice.call::<ChangePassword>(&wrong).await), Some(Code::Denied));
    // Counted before anything is computed, the new one's hash included.
    let before = host.running().host().passwords().computed();
    for _ in 0..4 {
        assert_eq!(code(alice.call::<ChangePassword>(&wrong).await), Some(Code::Denied));
    }
    assert_eq!(code(alice.call::<ChangePassword>(&wrong).await), Some(Code::LockedOut));
    assert_eq!(host.running().host().passwords().computed() - before, 4);
    pass(&host, MINUTE).await;
    by_device(&host, "owner", PASSWORD, None).await.unwrap();
    alice.call::<ChangePassword>(&change(PASSWORD, NEW_PASSWORD, false)).await.unwrap();
    assert_eq!(code(by_device(&host, "owner", PASSWORD, None).await), Some(Code::Denied));
    phone.call::<WhoAmI>(&Nothing {}).await.unwrap();
    tab.call::<WhoAmI>(&Nothing {}).await.unwrap();
    alice.call::<ChangePassword>(&change(NEW_PASSWORD, PASSWORD, true)).await.unwrap();
    assert!(phone.session.closed().await);
    assert_eq!(code(tab.call::<WhoAmI>(&Nothing {}).await), Some(Code::SignedOut));
    alice.call::<WhoAmI>(&Nothing {}).await.unwrap();
}

#[tokio::test(flavor = "multi_thread")]
async fn a_reset_is_for_who_has_no_power_that_its_giver_lacks_and_ends_after_a_day() {
    let (host, mut owner) = owned().await;
    let manager = InvitePersonParams { name: None, rank: Rank::Manager, channels: Vec::new() };
    let invited = owner.call::<InvitePerson>(&manager).await.unwrap();
    let credential = Credential::Invite { code: invited.code, name: "mia".into(), password: PASSWORD.into() };
    let mut mia = host.enrol(&Arc::new(StaticKey::random().unwrap()), credential).await.unwrap();
    let mut bob = host.join("bob").await;
    let of = |person: AccountId| OnePerson { person };
    for (name, refused) in [
        ("reset", code(mia.call::<IssueReset>(&of(owner.id())).await)),
        ("suspend", code(mia.call::<Suspend>(&of(owner.id())).await)),
        ("factor", code(mia.call::<RemoveTotp>(&of(owner.id())).await)),
        ("unlock", code(mia.call::<Unlock>(&of(owner.id())).await)),
        ("revoke", code(mia.call::<RevokeDevicesOf>(&of(owner.id())).await)),
        (
            "delete",
            code(
                mia.call::<DeletePerson>(&DeletePersonParams { person: owner.id(), content: Some(Content::Keep) })
                    .await,
            ),
        ),
        (
            "invite",
            code(
                mia.call::<InvitePerson>(&InvitePersonParams { name: None, rank: Rank::Owner, channels: Vec::new() })
                    .await,
            ),
        ),
        ("no power", code(bob.call::<IssueReset>(&of(mia.id())).await)),
        ("oneself", code(mia.call::<Suspend>(&of(mia.id())).await)),
        (
            "the last owner",
            code(
                owner
                    .call::<DeletePerson>(&DeletePersonParams { person: owner.id(), content: Some(Content::Keep) })
                    .await,
            ),
        ),
    ] {
        assert_eq!(refused, Some(Code::Denied), "{name}");
    }
    let tab = Tab::open(host.port, "acme", "bob").await;
    let first = mia.call::<IssueReset>(&of(bob.id())).await.unwrap().code;
    let second = mia.call::<IssueReset>(&of(bob.id())).await.unwrap().code;
    assert!(second.len() >= 22, "128 bits");
    assert_eq!(code(by_reset(&host, "bob", &first, None).await), Some(Code::Denied), "the next takes its place");
    assert_eq!(code(by_reset(&host, "mia", &second, None).await), Some(Code::Denied), "another's");
    pass(&host, 24 * 60 * MINUTE).await;
    mia.call::<Confirm>(&confirm(PASSWORD)).await.unwrap();
    assert_eq!(code(by_reset(&host, "bob", &second, None).await), Some(Code::Denied), "a day later");
    let third = mia.call::<IssueReset>(&of(bob.id())).await.unwrap().code;
    let weak = SignInParams { reset: Some(third.clone()), ..params("bob", "password1234") };
    assert_eq!(browser(&host, &weak, None).await.error().code, Code::BadInput);
    let good = SignInParams { reset: Some(third), ..params("bob", NEW_PASSWORD) };
    assert_eq!(browser(&host, &good, None).await.status, 200);
    assert_eq!(code(tab.call::<WhoAmI>(&Nothing {}).await), Some(Code::SignedOut), "browsers sign in anew");
    bob.call::<WhoAmI>(&Nothing {}).await.unwrap();
    by_device(&host, "bob", NEW_PASSWORD, None).await.unwrap();
}

#[tokio::test(flavor = "multi_thread")]
async fn an_account_that_was_invited_by_name_waits_for_who_has_the_invite() {
    let (host, mut owner) = owned().await;
    let channel = support::channel_id();
    let private = CreateChannelParams { id: channel, name: "plans".into(), kind: ChannelKind::Private };
    owner.call::<CreateChannel>(&private).await.unwrap();
    let invite = |rank| InvitePersonParams { name: Some("Inês".into()), rank, channels: vec![channel] };
    let first = owner.call::<InvitePerson>(&invite(Rank::Member)).await.unwrap();
    let person = first.person.unwrap();
    let account = owner.call::<GetAccount>(&OnePerson { person }).await.unwrap();
    assert_eq!((account.state, account.person.active, account.devices), (AccountState::Invited, false, 0));
    // Nobody else takes the name, and the invite is for no other.
    let join = async |invite: &str, name: &str| {
        let credential = Credential::Invite { code: invite.into(), name: name.into(), password: PASSWORD.into() };
        host.enrol(&Arc::new(StaticKey::random().unwrap()), credential).await
    };
    let open = host.invite(1).await.parse::<Invite>().unwrap().code;
    assert_eq!(code(join(&open, "inês").await), Some(Code::Conflict));
    assert_eq!(code(join(&first.code, "eve").await), Some(Code::BadInput));
    // Invited again, the invite before is void, and she comes as a guest, who is only where she was let in.
    let second = owner.call::<InvitePerson>(&invite(Rank::Guest)).await.unwrap();
    assert_eq!(second.person, Some(person));
    assert_eq!(code(join(&first.code, "Inês").await), Some(Code::Denied));
    let mut ines = join(&second.code, "INÊS").await.unwrap();
    assert_eq!((ines.id(), ines.me.person.name.as_str(), ines.me.person.active), (person, "Inês", true));
    let (_, rows, _) = ines.sync(0).await;
    let joined: Vec<_> = rows
        .iter()
        .filter_map(|row| match row {
            Row::Member(row) if row.person == person && row.joined => Some(row.channel),
            _ => None,
        })
        .collect();
    assert_eq!(joined, [channel]);
    assert_eq!(code(join(&second.code, "Inês").await), Some(Code::Denied), "once");
    let account = owner.call::<GetAccount>(&OnePerson { person }).await.unwrap();
    assert_eq!((account.state, account.rank), (AccountState::Active, Rank::Guest));
    // An invite of one workspace is nothing in another.
    let mut eve = host.elsewhere("other", "eve").await;
    let theirs = InvitePersonParams { name: None, rank: Rank::Owner, channels: Vec::new() };
    let theirs = eve.call::<InvitePerson>(&theirs).await.unwrap();
    assert_eq!(code(join(&theirs.code, "mallory").await), Some(Code::Denied));
}
