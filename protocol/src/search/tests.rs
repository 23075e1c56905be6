use super::*;

fn all(text: &str) -> Vec<String> {
    words(text).collect()
}

#[test]
fn accents_and_case_do_not_matter() {
    assert_eq!(all("Café CAFE\u{301} cafe"), ["cafe", "cafe", "cafe"]);
    assert_eq!(all("STRASSE straße"), ["strasse", "strasse"]);
}

#[test]
fn parts_of_a_host_name_are_words() {
    assert_eq!(all("see example.com/don't"), ["see", "example", "com", "don", "t"]);
}

#[test]
fn folded_text_is_words_with_single_spaces() {
    assert_eq!(folded_text("  Hello,\n WORLD! "), "hello world");
}
