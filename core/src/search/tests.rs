use super::typed::{Typed, read};
use super::*;
use thechatapp_protocol::Timestamp;

fn marked<'a>(text: &'a str, typed: &str) -> Vec<&'a str> {
    highlights(text, typed).into_iter().map(|(from, to)| &text[from as usize..to as usize]).collect()
}

#[test]
fn words_are_marked_whatever_their_case_and_accents() {
    assert_eq!(marked("Un Café, un cafe\u{301}, CAFE!", "cafe"), ["Café", "cafe\u{301}", "CAFE"]);
    assert_eq!(marked("die STRASSE", "straße"), ["STRASSE"]);
}

#[test]
fn a_part_of_a_host_name_is_marked_alone() {
    assert_eq!(marked("see example.com now", "com"), ["com"]);
    assert_eq!(marked("don't", "don"), ["don"]);
}

#[test]
fn words_of_scripts_without_spaces_are_marked() {
    assert_eq!(marked("你好世界", "好"), ["好"]);
}

#[test]
fn the_index_is_asked_for_quoted_words_only() {
    assert_eq!(
        question("Hello \"Big, World\" NOT rou*").unwrap(),
        "\"hello\" AND \"big world\" AND \"not\" AND \"rou\" *"
    );
    assert_eq!(question(" \"\" - "), None);
    assert_eq!(question("a\" OR \"b").unwrap(), "\"a\" AND \"or\" AND \"b\"");
}

#[test]
fn the_beginning_of_a_word_marks_the_whole_word() {
    assert_eq!(marked("the router routes", "rout*"), ["router", "routes"]);
}

#[test]
fn filters_stand_among_the_words_and_what_only_looks_like_one_is_words() {
    let day = Timestamp(1_793_145_600_000);
    let found =
        read("Lunch in:#general from:\"Ana Reis\" after:2026-10-28 HAS:file std::vec https://example.com", false);
    assert_eq!(
        found.unwrap(),
        Typed {
            words: "Lunch std::vec https://example.com".into(),
            channel: Some("#general".into()),
            author: Some("Ana Reis".into()),
            before: None,
            after: Some(day),
            has_file: true,
            relevance: false,
        }
    );
    assert_eq!(read("\"from:ana is words\"", false).unwrap().words, "\"from:ana is words\"");
    assert_eq!(read("from: in: lunch", false).unwrap(), Typed { words: "lunch".into(), ..Typed::default() });
    let relevance = |typed| read(typed, false).unwrap();
    assert_eq!(
        relevance("order:relevance lunch"),
        Typed { words: "lunch".into(), relevance: true, ..Typed::default() }
    );
    assert!(!relevance("order:relevance order:time lunch").relevance);
    for bad in ["before:soon", "has:luck", "order:luck"] {
        assert!(matches!(read(bad, false), Err(crate::Error::BadInput { .. })), "{bad}");
    }
}

#[test]
fn while_somebody_types_the_last_word_is_a_beginning() {
    let words = |typed| read(typed, true).unwrap().words;
    assert_eq!(words("big lun"), "big lun*");
    assert_eq!(words("big lunch "), "big lunch");
    assert_eq!(words("\"big lunch\""), "\"big lunch\"");
    assert_eq!(words("lunch from:an"), "lunch");
    assert_eq!(words("lunch order:rel"), "lunch");
    assert_eq!(words(""), "");
}
