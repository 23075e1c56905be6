//! The examples of the formats' own specifications, and what must not pass.

use super::*;
use proptest::prelude::*;

const FOO: &str = "This is an example message.\n\n\u{2014} example.com/foo Uw2QOkn8srV1yJGh2VYRlL1Tnagv1YEq6TfXppzi2ONncAlTgK7Ztg1ERYNZXsYjOBH3mFXmRKuwHjG1Yu72IneyaQM=\n";
const FOO_KEY: &str = "AekyeRrm56hApGFkyQR4ZCbV54Id2LKaANYcrnKv3U2k";
const PETER_SEED: &str = "AYEKFALVFGyNhPJEMzD1QIDr+Y7hfZx09iUvxdXHKDFz";
const PETER_KEY: &str = "PeterNeumann+c74f20a3+ARpc2QcUPDhMQegwxbzhKqiBfsVkmqq/LDE4izWy10TW";
const PETER_TEXT: &str =
    "If you think cryptography is the answer to your problem,\nthen you don't know what your problem is.\n";
const PETER_LINE: &str = "\u{2014} PeterNeumann x08go/ZJkuBS9UG/SffcvIAQxVBtiFupLLr8pAcElZInNIuGUgYN1FFYC2pZSNXgKvqfqdngotpRZb6KE6RyyBwJnAM=\n";
const SOFA: &str = "example.com/behind-the-sofa\n20852163\nCsUYapGGPo4dkMgIAUqom/Xajj7h2fB2MPA3j2jxq2I=\n\n\u{2014} example.com/behind-the-sofa Az3grlgtzPICa5OS8npVmf1Myq/5IZniMp+ZJurmRDeOoRDe4URYN7u5/Zhcyv2q1gGzGku9nTo+zyWE+xeMcTOAYQ8=\n\u{2014} witness.example.com/w1 jWbPPwAAAABkGFDLEZMHwSRaJNiIDoe9DYn/zXcrtPHeolMI5OWXEhZCB9dlrDJsX3b2oyin1nPZqhf5nNo0xUe+mbIUBkBIfZ+qnA==\n";

fn key(text: &str) -> [u8; 32] {
    BASE64.decode(text.as_bytes()).unwrap()[1..].try_into().unwrap()
}

fn workspace(number: u8) -> WorkspaceId {
    WorkspaceId::from_bytes([number; 16])
}

fn head(size: u64) -> Head {
    Head { size, root: Hash([5; 32]) }
}

#[test]
fn the_example_of_the_signed_note_specification_opens() {
    let root = RootPublic(key(FOO_KEY));
    assert_eq!(Note::parse(FOO).unwrap().open("example.com/foo", &root).unwrap(), "This is an example message.\n");
    assert_eq!(verifier_key("example.com/foo", &root), format!("example.com/foo+530d903a+{FOO_KEY}"));
}

#[test]
fn the_reference_implementation_s_note_is_made_byte_for_byte() {
    let root = RootKey::from_bytes(key(PETER_SEED));
    assert_eq!(verifier_key("PeterNeumann", &root.public()), PETER_KEY);
    assert_eq!(sign(PETER_TEXT, "PeterNeumann", &root), format!("{PETER_TEXT}\n{PETER_LINE}"));
}

#[test]
fn the_example_of_the_checkpoint_specification_is_read_with_its_witness() {
    let note = Note::parse(SOFA).unwrap();
    assert_eq!(note.signatures.len(), 2);
    let checkpoint = Checkpoint::parse(&note.text).unwrap();
    assert_eq!(checkpoint.origin, "example.com/behind-the-sofa");
    assert_eq!(checkpoint.head.size, 20_852_163);
    assert_eq!(checkpoint.head.root.to_string(), "CsUYapGGPo4dkMgIAUqom/Xajj7h2fB2MPA3j2jxq2I=");
    assert_eq!(checkpoint.text(), note.text);
}

#[test]
fn a_checkpoint_opens_with_its_root_for_its_workspace_and_no_other() {
    let (root, other) = (RootKey::from_bytes([1; 32]), RootKey::from_bytes([2; 32]));
    let note = Checkpoint::sign(workspace(1), head(7), &root);
    assert_eq!(Checkpoint::open(&note, workspace(1), &root.public()), Ok(head(7)));
    assert_eq!(Checkpoint::open(&note, workspace(1), &other.public()), Err(NoteError::NotSigned));
    assert_eq!(Checkpoint::open(&note, workspace(2), &root.public()), Err(NoteError::OtherLog));
    let more = note.replacen("\n7\n", "\n8\n", 1);
    assert_eq!(Checkpoint::open(&more, workspace(1), &root.public()), Err(NoteError::Signature));
}

#[test]
fn no_signature_over_a_checkpoint_is_one_over_an_identity_document() {
    // What is signed of a document begins with this label; a checkpoint's text begins with a workspace's id.
    for byte in 0..=255 {
        let text = Checkpoint { origin: origin(workspace(byte)), head: head(1) }.text();
        assert!(!"thechatapp identity".starts_with(&text[..1]), "{text}");
        assert!(!text.contains('\0'));
    }
}

#[test]
fn what_is_no_note_is_refused() {
    let good = Checkpoint::sign(workspace(1), head(7), &RootKey::from_bytes([1; 32]));
    assert!(Note::parse(&good).is_ok());
    let cases = [
        String::new(),
        "\n\n".to_owned(),
        good.trim_end().to_owned(),
        good.replace("\n\n", "\n"),
        good.replace(DASH, "- "),
        good.replace(DASH, "\u{2014}"),
        format!("{good}\n"),
        format!("{good}{DASH}name AAAA\n"),
        format!("{good}{DASH}name AAAAAA==\n"),
        format!("{good}{DASH}a+b AAAAAAAA\n"),
        good.replace('7', "\u{7}"),
        good.replacen('\n', "\r\n", 1),
        format!("{}{good}", "x".repeat(NOTE_MAX)),
        format!("{good}{}", format!("{DASH}name AAAAAAAA\n").repeat(SIGNATURES_MAX)),
    ];
    for case in cases {
        assert!(matches!(Note::parse(&case), Err(NoteError::Malformed(_))), "{case:?}");
    }
}

#[test]
fn what_is_no_checkpoint_is_refused() {
    let root = Hash([5; 32]);
    assert!(Checkpoint::parse(&format!("a\n1\n{root}\n")).is_ok());
    assert!(Checkpoint::parse(&format!("a\n0\n{root}\nmore\n")).is_ok());
    for case in [
        String::new(),
        "a\n1\n".to_owned(),
        format!("\n1\n{root}\n"),
        format!("a\n01\n{root}\n"),
        format!("a\n+1\n{root}\n"),
        format!("a\n-1\n{root}\n"),
        format!("a\n\n{root}\n"),
        format!("a\n99999999999999999999\n{root}\n"),
        format!("a\n1\n{root}"),
        format!("a\n1\n{root}\n\n"),
        format!("a\n1\n{}\n", &root.to_string()[1..]),
    ] {
        assert!(matches!(Checkpoint::parse(&case), Err(NoteError::Malformed(_))), "{case:?}");
    }
}

#[test]
fn a_file_of_notes_is_read_past_what_was_broken_off() {
    let root = RootKey::from_bytes([1; 32]);
    let all: Vec<String> = (1..4).map(|size| Checkpoint::sign(workspace(1), head(size), &root)).collect();
    let file: String = all.iter().map(|note| format!("{note}\n")).collect();
    assert_eq!(notes(&file).collect::<Vec<_>>(), all.iter().map(|note| Ok(note.as_str())).collect::<Vec<_>>());
    assert_eq!(notes(file.trim_end()).filter(Result::is_ok).count(), 2);
    assert_eq!(notes("").count(), 0);
    for cut in 1..all[0].len() {
        if !all[0].is_char_boundary(cut) {
            continue;
        }
        // As the next run of a server goes on after a power cut.
        let file = format!("{}\n\n{}\n{}\n", &all[0][..cut], all[1], all[2]);
        let whole: Vec<&str> = notes(&file).filter_map(Result::ok).collect();
        assert_eq!(whole[whole.len() - 2..], [&all[1], &all[2]], "{cut}");
    }
}

proptest! {
    #[test]
    fn reading_any_text_never_fails_badly(text in "\\PC{0,40}(\n\\PC{0,40}){0,6}\n?") {
        let _ = Note::parse(&text);
        let _ = Checkpoint::parse(&text);
        assert!(notes(&text).count() <= text.len());
    }

    #[test]
    fn a_changed_note_does_not_open(at in 0_usize..400, to in any::<char>()) {
        let root = RootKey::from_bytes([1; 32]);
        let note = Checkpoint::sign(workspace(1), head(77), &root);
        let mut letters: Vec<char> = note.chars().collect();
        let at = at % letters.len();
        prop_assume!(letters[at] != to);
        letters[at] = to;
        let changed: String = letters.into_iter().collect();
        prop_assert!(Checkpoint::open(&changed, workspace(1), &root.public()).is_err(), "{changed:?}");
    }
}
