use super::*;
use std::io::Write;

fn file(content: &[u8]) -> tempfile::NamedTempFile {
    let mut file = tempfile::NamedTempFile::new().unwrap();
    file.write_all(content).unwrap();
    file
}

#[test]
fn the_first_line_counts_and_its_end_does_not() {
    for content in ["hunter2", "hunter2\n", "hunter2\r\n", "hunter2\nsecond line\n"] {
        assert_eq!(first_line(file(content.as_bytes()).path(), "password").unwrap().as_str(), "hunter2");
    }
    assert_eq!(first_line(file(b" a b \n").path(), "password").unwrap().as_str(), " a b ");
}

#[test]
fn an_empty_or_missing_file_is_bad_input() {
    for path in [file(b"\nsecond\n").path(), Path::new("/nowhere/at/all")] {
        let Err(Failure::Core(error)) = first_line(path, "password") else { panic!("accepted") };
        assert_eq!(error.exit_code(), 3);
    }
}
