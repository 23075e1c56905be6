use super::*;
use thechatapp_protocol::audit::tree::{Hash, Node, consistency, root};
use thechatapp_protocol::identity::RootKey;

const WORKSPACE: WorkspaceId = WorkspaceId(uuid::Uuid::from_bytes([7; 16]));
const NOW: Timestamp = Timestamp(5000);

/// A log of numbered entries; each history differs from its first entry of its own on.
struct Log(Vec<Hash>);

impl Log {
    fn new(common: u64, own: u8, size: u64) -> Self {
        Self(
            (0..size)
                .map(|seq| Hash::leaf(&[&seq.to_be_bytes()[..], &[if seq < common { 0 } else { own }]].concat()))
                .collect(),
        )
    }

    fn node(&self, node: Node) -> Result<Hash, std::convert::Infallible> {
        Ok(match node.children() {
            None => self.0[usize::try_from(node.index).unwrap()],
            Some((left, right)) => Hash::node(self.node(left)?, self.node(right)?),
        })
    }

    fn head(&self) -> Head {
        let size = self.0.len() as u64;
        Head { size, root: root(size, &mut |node| self.node(node)).unwrap() }
    }

    fn shows(&self, known: u64) -> SignedCheckpoint {
        let proof = consistency(known, self.0.len() as u64, &mut |node| self.node(node)).unwrap();
        SignedCheckpoint { note: Checkpoint::sign(WORKSPACE, self.head(), &key()), proof }
    }
}

fn key() -> RootKey {
    RootKey::from_bytes([1; 32])
}

fn judged(known: Option<&Seen>, shown: &SignedCheckpoint, generation: u8) -> Verdict {
    let by = Measure { workspace: WORKSPACE, root: &key().public(), generation: [generation; 16], now: NOW };
    judge(known, shown, by)
}

fn seen(log: &Log) -> Seen {
    match judged(None, &log.shows(0), 1) {
        Verdict::Good(seen) => seen,
        other => panic!("{other:?}"),
    }
}

fn wrong(verdict: Verdict) -> (Wrong, String) {
    match verdict {
        Verdict::Bad(alarm) => {
            assert!(!alarm.shown.is_empty() && alarm.accepted.is_none() && alarm.at == NOW);
            (alarm.what, alarm.why)
        }
        other => panic!("{other:?}"),
    }
}

#[test]
fn a_log_that_only_grows_is_good() {
    let mut known = seen(&Log::new(99, 0, 1));
    for size in 1..40 {
        let shown = Log::new(99, 0, size).shows(known.head.size);
        match judged(Some(&known), &shown, 1) {
            Verdict::Good(next) => known = next,
            other => panic!("{size}: {other:?}"),
        }
        assert_eq!(known.head.size, size);
    }
}

#[test]
fn an_older_state_another_history_and_a_changed_past_are_told_apart() {
    let known = seen(&Log::new(99, 0, 9));
    let (what, why) = wrong(judged(Some(&known), &Log::new(99, 0, 6).shows(9), 1));
    assert_eq!(what, Wrong::RolledBack);
    assert!(why.contains("entries 6 to 8 are gone"), "{why}");
    assert_eq!(wrong(judged(Some(&known), &Log::new(6, 1, 9).shows(9), 1)).0, Wrong::Fork);
    assert_eq!(wrong(judged(Some(&known), &Log::new(6, 1, 12).shows(9), 1)).0, Wrong::Tampered);
    // A good state without its proof is not believed.
    let silent = SignedCheckpoint { proof: Vec::new(), ..Log::new(99, 0, 12).shows(9) };
    assert_eq!(wrong(judged(Some(&known), &silent, 1)).0, Wrong::Tampered);
}

#[test]
fn what_nobody_signed_is_no_state() {
    let known = seen(&Log::new(99, 0, 9));
    let head = Log::new(99, 0, 12).head();
    let other = SignedCheckpoint {
        note: Checkpoint::sign(WORKSPACE, head, &RootKey::from_bytes([2; 32])),
        ..Log::new(99, 0, 12).shows(9)
    };
    assert_eq!(judged(Some(&known), &other, 1), Verdict::Unsigned);
    let elsewhere = WorkspaceId::from_bytes([8; 16]);
    let other = SignedCheckpoint { note: Checkpoint::sign(elsewhere, head, &key()), proof: Vec::new() };
    assert_eq!(wrong(judged(Some(&known), &other, 1)).0, Wrong::Forged);
    let good = Log::new(99, 0, 12).shows(9);
    let changed = SignedCheckpoint { note: good.note.replacen("\n12\n", "\n13\n", 1), ..good };
    assert_eq!(wrong(judged(Some(&known), &changed, 1)).0, Wrong::Forged);
    assert_eq!(wrong(judged(None, &SignedCheckpoint { note: "?".into(), proof: Vec::new() }, 1)).0, Wrong::Forged);
}

#[test]
fn a_restore_is_told_from_a_falsification_and_one_that_lost_nothing_is_good() {
    let known = seen(&Log::new(99, 0, 9));
    assert!(matches!(judged(Some(&known), &Log::new(6, 1, 12).shows(9), 2), Verdict::Restored(_)));
    let Verdict::Restored(shown) = judged(Some(&known), &Log::new(99, 0, 6).shows(9), 2) else { panic!() };
    let alarm = restored(&known, &shown, 4);
    assert!(alarm.why.contains("those from 4 to 8 are gone"), "{}", alarm.why);
    assert!(matches!(judged(Some(&known), &Log::new(99, 0, 10).shows(9), 2), Verdict::Good(_)));
}

#[test]
fn names_lead_back_to_what_is_wrong() {
    for what in [Wrong::Forged, Wrong::RolledBack, Wrong::Fork, Wrong::Tampered, Wrong::Restored] {
        assert_eq!(Wrong::named(what.name()), Some(what));
        assert_eq!(serde_json::to_value(what).unwrap(), what.name());
    }
    assert_eq!(Wrong::named("right"), None);
}
