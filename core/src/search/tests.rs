use super::*;

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
    assert_eq!(question("Hello \"Big, World\" NOT rou*").unwrap(), "\"hello\" \"big world\" \"not\" \"rou\" *");
    assert_eq!(question(" \"\" - "), None);
    assert_eq!(question("a\" OR \"b").unwrap(), "\"a\" \"or\" \"b\"");
}

#[test]
fn the_beginning_of_a_word_marks_the_whole_word() {
    assert_eq!(marked("the router routes", "rout*"), ["router", "routes"]);
}
