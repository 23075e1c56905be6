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
fn quotes_make_a_phrase_a_star_the_beginning_of_a_word_and_operators_are_words() {
    let word = |text: &str| Term::Word(text.to_owned());
    let phrase = Term::Phrase(vec!["big".into(), "world".into()]);
    assert_eq!(
        terms("Hello \"Big, World\" NOT rou* a*b"),
        [word("hello"), phrase, word("not"), Term::Start("rou".into()), Term::Phrase(vec!["a".into(), "b".into()])]
    );
    assert_eq!(terms(" \"\" - * "), []);
    assert_eq!(terms("a\" OR \"b"), [word("a"), word("or"), word("b")]);
    assert_eq!(
        terms("\"one\" \"unclosed phrase"),
        [word("one"), Term::Phrase(vec!["unclosed".into(), "phrase".into()])]
    );
}

#[test]
fn folded_text_is_words_with_single_spaces() {
    assert_eq!(folded_text("  Hello,\n WORLD! "), "hello world");
}

#[test]
fn what_is_typed_in_one_piece_belongs_together() {
    let phrase = |words: &[&str]| Term::Phrase(words.iter().map(|&word| word.to_owned()).collect());
    let start = |words: &[&str]| Term::PhraseStart(words.iter().map(|&word| word.to_owned()).collect());
    assert_eq!(terms("std::vec foo_bar"), [phrase(&["std", "vec"]), phrase(&["foo", "bar"])]);
    assert_eq!(terms("東京タワー"), [phrase(&["東", "京", "タワー"])]);
    assert_eq!(terms("東京タ*"), [start(&["東", "京", "タ"])]);
    assert_eq!(terms("example.co*"), [start(&["example", "co"])]);
    assert_eq!(
        terms("안녕하세요 \"한 국\""),
        [Term::Word(folded_text("안녕하세요")), phrase(&[&folded_text("한"), &folded_text("국")])]
    );
}
