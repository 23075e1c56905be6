//! The audit log as administrators and the world outside the host see it: methods, proofs, the witness's file, syslog.

#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, clippy::indexing_slicing)]

mod support;

use serde_json::Value;
use std::net::SocketAddr;
use std::path::Path;
use std::sync::{Arc, Mutex};
use std::time::{Duration, Instant};
use support::{Host, Person};
use thechatapp_protocol::audit::checkpoint::{Checkpoint, notes};
use thechatapp_protocol::audit::tree::{Hash, Head, extends, includes};
use thechatapp_protocol::audit::{Actor, AuditEntry, Class, Target};
use thechatapp_protocol::identity::RootPublic;
use thechatapp_protocol::methods::audit::*;
use thechatapp_protocol::methods::channels::{CreateChannel, CreateChannelParams};
use thechatapp_protocol::methods::moderation::{ListReports, ListReportsParams, ReportPerson, ReportPersonParams};
use thechatapp_protocol::{Code, ReportId, event::ChannelKind, wire};
use thechatapp_server::admin::{self, Command};
use thechatapp_server::audit::Pace;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpListener;

async fn owner(host: &Host) -> Person {
    host.join_by(&host.owner_invite, "olga").await
}

async fn act(person: &mut Person, name: &str) {
    let params = CreateChannelParams { id: support::channel_id(), name: name.into(), kind: ChannelKind::Public };
    person.call::<CreateChannel>(&params).await.unwrap();
}

async fn list(person: &mut Person, filter: AuditFilter) -> Vec<AuditEntry> {
    person.call::<ListAudit>(&ListAuditParams { filter, limit: 100, ..Default::default() }).await.unwrap().entries
}

async fn verify(host: &Host, witness: Option<&Path>) -> Value {
    let witness = witness.map(|path| std::fs::read_to_string(path).unwrap());
    let command = Command::AuditVerify { workspace: "acme".into(), witness, pin: None };
    admin::run(host.running().host(), command).await.unwrap()
}

async fn head(host: &Host, person: &mut Person, known: Option<u64>) -> (Head, Vec<Hash>) {
    let taken = person.call::<TakeCheckpoint>(&TakeCheckpointParams { known }).await.unwrap();
    let root = RootPublic(host.known().await.document().root);
    (Checkpoint::open(&taken.note, person.me.workspace, &root).unwrap(), taken.proof)
}

/// Waits for something that another task does.
async fn until(what: &str, mut done: impl FnMut() -> bool) {
    let begun = Instant::now();
    while !done() {
        assert!(begun.elapsed() < Duration::from_secs(30), "{what}");
        tokio::time::sleep(Duration::from_millis(10)).await;
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn acts_are_in_the_log_and_only_who_has_the_power_reads_it() {
    let host = Host::start().await;
    let mut olga = owner(&host).await;
    let mut bob = host.join("bob").await;
    act(&mut bob, "plans").await;
    let entries = list(&mut olga, AuditFilter::default()).await;
    let acts: Vec<&str> = entries.iter().rev().map(|entry| entry.act.as_str()).collect();
    assert_eq!(
        acts,
        [
            "workspace.created",
            "invite.made",
            "server.started",
            "account.joined",
            "device.enrolled",
            "invite.made",
            "account.joined",
            "device.enrolled",
            "channel.created"
        ]
    );
    let made = &entries[0];
    assert_eq!(made.actor, Actor::Person(bob.id(), bob.me.device));
    assert_eq!((made.class, made.place.as_deref()), (Class::Channel, Some("127.0.0.1")));
    assert!(matches!(made.target, Target::Channel(_)));
    // Neither names nor content, in none of them.
    let all = serde_json::to_string(&entries).unwrap();
    for word in ["plans", "bob", "olga"] {
        assert!(!all.contains(word), "{word}");
    }
    let his = AuditFilter { actor: Some(ActorFilter::Person(bob.id())), ..AuditFilter::default() };
    assert_eq!(list(&mut olga, his).await.len(), 3);

    let refused = [
        bob.call::<ListAudit>(&ListAuditParams { limit: 1, ..Default::default() }).await.err(),
        bob.call::<TakeCheckpoint>(&TakeCheckpointParams { known: None }).await.err(),
        bob.call::<ProveEntry>(&ProveEntryParams { seq: 0 }).await.err(),
        bob.call::<ExportAudit>(&ExportAuditParams::default()).await.err(),
    ];
    for refused in refused {
        assert_eq!(refused.unwrap().code, Code::Denied);
    }

    // That it was read is an entry, too, and says what was asked for. Who was refused has read nothing.
    let page = olga.call::<ExportAudit>(&ExportAuditParams::default()).await.unwrap();
    assert_eq!((page.entries.len(), page.more), (12, false));
    let last: Vec<_> =
        page.entries[9..].iter().map(|entry| (entry.act.as_str(), entry.after.clone().unwrap())).collect();
    let asked = format!("actor=person:{}", bob.id());
    assert_eq!(last, [("audit.read", "all".into()), ("audit.read", asked), ("audit.exported", "all".into())]);
    assert!(page.entries[9..].iter().all(|entry| entry.class == Class::Audit));
}

#[tokio::test(flavor = "multi_thread")]
async fn who_reads_on_leaves_one_entry_and_only_who_does_leaves_none() {
    let host = Host::start().await;
    let mut olga = owner(&host).await;
    for number in 0..6 {
        act(&mut olga, &format!("c{number}")).await;
    }
    let workspace = host.running().host().workspace("acme").unwrap();
    let read = async || {
        let acts = workspace.acts().await.unwrap();
        acts.into_iter().filter(|entry| entry.act == "audit.read").map(|entry| entry.after.unwrap()).collect::<Vec<_>>()
    };
    let ask = |below, continues: &Option<String>| ListAuditParams {
        below,
        continues: continues.clone(),
        limit: 4,
        ..ListAuditParams::default()
    };
    let (mut seen, mut below, mut continues) = (Vec::new(), None, None);
    loop {
        let page = olga.call::<ListAudit>(&ask(below, &continues)).await.unwrap();
        seen.extend(page.entries.iter().map(|entry| entry.seq));
        below = page.entries.last().map(|entry| entry.seq);
        if !page.more {
            break;
        }
        continues = page.next;
    }
    assert_eq!(seen, (0..11).rev().collect::<Vec<_>>());
    assert_eq!(read().await, ["all"]);

    // Elsewhere, with another filter, or as somebody else, it says nothing; neither does what was made up.
    let first = olga.call::<ListAudit>(&ask(None, &None)).await.unwrap();
    let (below, continues) = (first.entries.last().map(|entry| entry.seq), first.next);
    let rest = olga.call::<ListAudit>(&ask(below, &continues)).await.unwrap();
    assert_eq!(read().await.len(), 2);
    olga.call::<ListAudit>(&ask(Some(100), &continues)).await.unwrap();
    olga.call::<ListAudit>(&ask(below, &continues.as_ref().map(|next| format!("{next}0")))).await.unwrap();
    let filter = AuditFilter { class: Some(Class::Channel), ..AuditFilter::default() };
    olga.call::<ListAudit>(&ListAuditParams { filter, ..ask(below, &continues) }).await.unwrap();
    let place = format!("below={}", below.unwrap());
    let class = format!("class=channel {place}");
    assert_eq!(read().await[2..], ["below=100".to_owned(), place, class]);
    // Asked for again, the same page is the same act.
    assert_eq!(olga.call::<ListAudit>(&ask(below, &continues)).await.unwrap().entries, rest.entries);
    assert_eq!(read().await.len(), 5);
    let export = ExportAuditParams { from: below, continues, ..ExportAuditParams::default() };
    olga.call::<ExportAudit>(&export).await.unwrap();
    let acts = workspace.acts().await.unwrap();
    assert_eq!(acts.last().unwrap().act, "audit.exported");
}

#[tokio::test(flavor = "multi_thread")]
async fn an_export_of_many_pages_is_one_entry_and_ends_with_it() {
    let host = Host::start().await;
    let mut olga = owner(&host).await;
    let workspace = host.running().host().workspace("acme").unwrap();
    workspace.record_many(1200).await.unwrap();
    let mut params = ExportAuditParams::default();
    let mut seen = Vec::new();
    loop {
        let page = olga.call::<ExportAudit>(&params).await.unwrap();
        // What happens meanwhile is not part of it.
        act(&mut olga, &format!("c{}", seen.len())).await;
        params.from = page.entries.last().map(|entry| entry.seq + 1);
        params.continues = page.next;
        seen.extend(page.entries);
        if !page.more {
            break;
        }
    }
    assert_eq!(seen.len(), 1206);
    assert!(seen.iter().zip(0..).all(|(entry, seq)| entry.seq == seq));
    assert_eq!(seen.last().unwrap().act, "audit.exported");
    let acts = workspace.acts().await.unwrap();
    assert_eq!(acts.iter().filter(|entry| entry.act == "audit.exported").count(), 1);
    let again = olga.call::<ExportAudit>(&params).await.unwrap();
    assert_eq!(again.entries.last().unwrap().act, "audit.exported");
}

#[tokio::test(flavor = "multi_thread")]
async fn reports_that_are_read_leave_an_entry_without_content() {
    let host = Host::start().await;
    let mut olga = owner(&host).await;
    let (mut bob, carol) = (host.join("bob").await, host.join("carol").await);
    for number in 0..3_u8 {
        let report = ReportId::from_bytes([number + 1; 16]);
        let reason = "rude words".to_owned();
        bob.call::<ReportPerson>(&ReportPersonParams { report, person: carol.id(), reason }).await.unwrap();
    }
    let first = ListReportsParams { limit: 2, ..ListReportsParams::default() };
    let page = olga.call::<ListReports>(&first).await.unwrap();
    let before = page.reports.last().map(|report| report.id);
    let next = ListReportsParams { before, continues: page.next, ..first };
    let rest = olga.call::<ListReports>(&next).await.unwrap();
    assert_eq!((page.reports.len(), rest.reports.len(), rest.next), (2, 1, None));
    olga.call::<ListReports>(&ListReportsParams { closed: true, continues: None, ..next }).await.unwrap();
    assert_eq!(bob.call::<ListReports>(&ListReportsParams::default()).await.unwrap_err().code, Code::Denied);
    let acts = host.running().host().workspace("acme").unwrap().acts().await.unwrap();
    let read: Vec<_> = acts.iter().filter(|entry| entry.act == "reports.read").collect();
    let said: Vec<_> = read.iter().map(|entry| entry.after.clone().unwrap()).collect();
    assert_eq!(said, ["open".to_owned(), format!("all before={}", before.unwrap())]);
    assert!(!serde_json::to_string(&read).unwrap().contains("rude"));
}

#[tokio::test(flavor = "multi_thread")]
async fn each_entry_is_proved_and_each_state_is_the_beginning_of_the_next() {
    let mut host = Host::start().await;
    let mut olga = owner(&host).await;
    let root = RootPublic(host.known().await.document().root);
    let (mut known, _) = head(&host, &mut olga, None).await;
    for round in 0..6 {
        act(&mut olga, &format!("c{round}")).await;
        if round == 3 {
            host.stop().await;
            host.serve().await;
            olga.again(&host).await;
        }
        let (next, proof) = head(&host, &mut olga, Some(known.size)).await;
        assert!(next.size > known.size && extends(known, next, &proof));
        known = next;
    }
    for seq in 0..known.size {
        let proved = olga.call::<ProveEntry>(&ProveEntryParams { seq }).await.unwrap();
        let head = Checkpoint::open(&proved.note, olga.me.workspace, &root).unwrap();
        assert!(includes(Hash::leaf(&proved.encoded), seq, head.size, &proved.proof, head.root));
        assert_eq!(wire::decode::<AuditEntry>(&proved.encoded).unwrap().seq, seq);
    }
    // Each that was looked at is an entry more.
    let none = olga.call::<ProveEntry>(&ProveEntryParams { seq: 2 * known.size }).await.unwrap_err();
    assert_eq!(none.code, Code::NotFound);
    let (last, proof) = head(&host, &mut olga, Some(known.size)).await;
    assert!(last.size == 2 * known.size && extends(known, last, &proof));
    let known = last;
    let report = verify(&host, None).await;
    assert_eq!((&report["ok"], &report["entries"]), (&true.into(), &known.size.into()), "{report}");
    assert_eq!(report["root"], known.root.to_string());
}

#[tokio::test(flavor = "multi_thread")]
async fn the_witness_s_file_has_each_checkpoint_and_shows_an_older_copy_of_the_data() {
    let mut host = Host::start().await;
    host.stop().await;
    let witness = host.folder.path().join("witness");
    host.config.audit.witness = Some(witness.clone());
    host.serve().await;
    let mut olga = owner(&host).await;
    act(&mut olga, "one").await;
    host.stop().await;
    let kept = host.folder.path().join("kept");
    support::files::copy_folder(&host.data(), &kept);

    host.serve().await;
    olga.again(&host).await;
    act(&mut olga, "two").await;
    let (known, _) = head(&host, &mut olga, None).await;
    until("the witness is told", || std::fs::read_to_string(&witness).unwrap().contains(&known.root.to_string())).await;
    act(&mut olga, "three").await;
    host.stop().await;
    let text = std::fs::read_to_string(&witness).unwrap();
    let count = notes(&text).map(Result::unwrap).count() as u64;
    assert!(count >= 3, "{text}");
    host.serve().await;
    let report = verify(&host, Some(&witness)).await;
    assert_eq!((&report["ok"], &report["witnessed"]), (&true.into(), &count.into()), "{report}");
    host.stop().await;

    std::fs::remove_dir_all(host.data()).unwrap();
    support::files::copy_folder(&kept, &host.data());
    host.serve().await;
    assert_eq!(verify(&host, None).await["ok"], true);
    let report = verify(&host, Some(&witness)).await;
    assert_eq!(report["ok"], false);
    assert!(report["problems"].to_string().contains("rolled back to an older copy"), "{report}");
    // And after new acts it is another history.
    olga.again(&host).await;
    for name in ["four", "five", "six"] {
        act(&mut olga, name).await;
    }
    let report = verify(&host, Some(&witness)).await;
    assert!(report["problems"].to_string().contains("it is another history"), "{report}");
}

/// How the receiver treats a connection.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Mood {
    Takes,
    /// Reads a little and breaks off.
    Drops,
    /// Does not even shake hands.
    HangsUp,
    /// Takes everything, and closes without TLS's own end, as rsyslog does.
    ClosesPlainly,
}

/// A syslog receiver over TLS.
struct Receiver {
    address: SocketAddr,
    ca: std::path::PathBuf,
    moods: Arc<Mutex<Vec<Mood>>>,
    received: Arc<Mutex<Vec<String>>>,
}

impl Receiver {
    async fn start(folder: &Path, moods: &[Mood]) -> Self {
        let certified = rcgen::generate_simple_self_signed(vec!["localhost".into()]).unwrap();
        let ca = folder.join("receiver.pem");
        std::fs::write(&ca, certified.cert.pem()).unwrap();
        let key = rustls::pki_types::PrivateKeyDer::try_from(certified.signing_key.serialize_der()).unwrap();
        let provider = Arc::new(rustls::crypto::aws_lc_rs::default_provider());
        let config = rustls::ServerConfig::builder_with_provider(provider)
            .with_safe_default_protocol_versions()
            .unwrap()
            .with_no_client_auth()
            .with_single_cert(vec![certified.cert.der().clone()], key)
            .unwrap();
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let receiver = Self {
            address: listener.local_addr().unwrap(),
            ca,
            moods: Arc::new(Mutex::new(moods.iter().rev().copied().collect())),
            received: Arc::default(),
        };
        let (moods, received) = (receiver.moods.clone(), receiver.received.clone());
        let acceptor = tokio_rustls::TlsAcceptor::from(Arc::new(config));
        tokio::spawn(async move {
            while let Ok((stream, _)) = listener.accept().await {
                let mood = moods.lock().unwrap().pop().unwrap_or(Mood::Takes);
                if mood == Mood::HangsUp {
                    continue;
                }
                let Ok(mut stream) = acceptor.accept(stream).await else { continue };
                let mut bytes = Vec::new();
                if mood == Mood::Drops {
                    let mut some = [0; 700];
                    let _ = stream.read(&mut some).await;
                    bytes.extend(some);
                } else if stream.read_to_end(&mut bytes).await.is_err() {
                    continue;
                }
                received.lock().unwrap().extend(messages(&bytes));
                if mood == Mood::Takes {
                    let _ = stream.shutdown().await;
                }
            }
        });
        receiver
    }

    fn configure(&self, host: &mut Host) {
        host.config.audit.syslog = Some(format!("tls://localhost:{}", self.address.port()));
        host.config.audit.syslog_ca = Some(self.ca.clone());
        host.config.audit.pace = Pace {
            look: Duration::from_millis(20),
            first_wait: Duration::from_millis(10),
            longest_wait: Duration::from_millis(40),
            patience: Duration::from_secs(20),
        };
    }

    /// The numbers of the entries that came, in the order in which they came.
    fn numbers(&self) -> Vec<u64> {
        let received = self.received.lock().unwrap();
        let number = |message: &String| message.split_once(" seq=\"")?.1.split_once('"')?.0.parse().ok();
        received.iter().filter_map(number).collect()
    }
}

/// Whole messages out of frames.
fn messages(bytes: &[u8]) -> Vec<String> {
    let (mut messages, mut rest) = (Vec::new(), bytes);
    while let Some(space) = rest.iter().position(|byte| *byte == b' ') {
        let length: usize = std::str::from_utf8(&rest[..space]).unwrap().parse().unwrap();
        let Some(message) = rest.get(space + 1..space + 1 + length) else { break };
        messages.push(String::from_utf8(message.to_vec()).unwrap());
        rest = &rest[space + 1 + length..];
    }
    messages
}

#[tokio::test(flavor = "multi_thread")]
async fn syslog_gets_every_entry_in_order_across_broken_connections_and_restarts() {
    let mut host = Host::start().await;
    host.stop().await;
    let moods = [Mood::HangsUp, Mood::Drops, Mood::Takes, Mood::Drops, Mood::Drops, Mood::HangsUp];
    let receiver = Receiver::start(host.folder.path(), &moods).await;
    receiver.configure(&mut host);
    host.serve().await;
    let mut olga = owner(&host).await;
    for number in 0..10 {
        act(&mut olga, &format!("c{number}")).await;
    }
    let last = list(&mut olga, AuditFilter::default()).await[0].seq;
    until("the first entries come", || receiver.numbers().contains(&last)).await;
    host.stop().await;
    host.serve().await;
    olga.again(&host).await;
    for number in 10..20 {
        act(&mut olga, &format!("c{number}")).await;
    }
    let (known, _) = head(&host, &mut olga, None).await;
    until("the last entries and the checkpoint come", || {
        let received = receiver.received.lock().unwrap();
        let has = |words: String| received.iter().any(|message| message.contains(&words));
        has(format!(" seq=\"{}\"", known.size - 1)) && has(format!(" root=\"{}\"", known.root))
    })
    .await;
    // In order: a number comes late only where what was not taken is sent again.
    let numbers = receiver.numbers();
    let mut firsts = Vec::new();
    for number in &numbers {
        if !firsts.contains(number) {
            firsts.push(*number);
        }
    }
    assert_eq!(firsts, (0..known.size).collect::<Vec<_>>(), "{numbers:?}");
    let received = receiver.received.lock().unwrap().clone();
    assert!(received.iter().all(|message| message.starts_with("<110>1 ")));
    assert!(received.iter().any(|message| message.contains("chat.example.org") || message.contains("127.0.0.1")));
}

#[tokio::test(flavor = "multi_thread")]
async fn a_receiver_that_closes_plainly_gets_everything_once_where_that_is_configured() {
    let mut host = Host::start().await;
    host.stop().await;
    let receiver = Receiver::start(host.folder.path(), &[Mood::ClosesPlainly; 200]).await;
    receiver.configure(&mut host);
    host.config.audit.syslog_plain_close = true;
    host.serve().await;
    let mut olga = owner(&host).await;
    for number in 0..5 {
        act(&mut olga, &format!("c{number}")).await;
    }
    // The last is that they were read.
    let last = list(&mut olga, AuditFilter::default()).await[0].seq + 1;
    until("the entries come", || receiver.numbers().contains(&last)).await;
    assert_eq!(receiver.numbers(), (0..=last).collect::<Vec<_>>());
    host.stop().await;

    // Where it is not, the same batch comes until somebody looks into the log.
    host.config.audit.syslog_plain_close = false;
    host.serve().await;
    olga.again(&host).await;
    act(&mut olga, "another").await;
    until("it is sent again", || receiver.numbers().iter().filter(|number| **number == last + 1).count() > 2).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_receiver_whom_nobody_vouches_for_gets_nothing_and_nobody_waits_for_it() {
    let mut host = Host::start().await;
    host.stop().await;
    let receiver = Receiver::start(host.folder.path(), &[]).await;
    receiver.configure(&mut host);
    // Another certificate than the receiver's.
    let other = rcgen::generate_simple_self_signed(vec!["localhost".into()]).unwrap();
    std::fs::write(&receiver.ca, other.cert.pem()).unwrap();
    host.serve().await;
    let mut olga = owner(&host).await;
    let begun = Instant::now();
    for number in 0..5 {
        act(&mut olga, &format!("c{number}")).await;
    }
    assert!(begun.elapsed() < Duration::from_secs(10));
    host.stop().await;
    assert!(receiver.received.lock().unwrap().is_empty());
}
