use super::*;

const TAG: &str = "\"a\"";

fn ask(pairs: &[(HeaderName, &'static str)], size: u64, head: bool) -> Asked {
    let mut headers = HeaderMap::new();
    for (name, value) in pairs {
        headers.append(name.clone(), value.parse().unwrap());
    }
    asked(&headers, TAG, size, !head)
}

#[test]
fn ranges_are_bytes_of_the_file_and_nothing_beyond() {
    use header::RANGE;
    for (range, wanted) in [
        ("bytes=0-9", Asked::Part(0, 9)),
        ("bytes=90-", Asked::Part(90, 99)),
        ("bytes=90-1000", Asked::Part(90, 99)),
        ("bytes=-10", Asked::Part(90, 99)),
        ("bytes=-1000", Asked::Part(0, 99)),
        ("bytes=100-", Asked::Unmet),
        ("bytes=0-1,5-6", Asked::Whole),
        ("pages=0-1", Asked::Whole),
        ("bytes=9-0", Asked::Whole),
        ("bytes=0-5,5-6", Asked::Whole),
        ("bytes=x", Asked::Whole),
    ] {
        assert_eq!(ask(&[(RANGE, range)], 100, false), wanted, "{range}");
        assert_eq!(ask(&[(RANGE, range)], 100, true), Asked::Whole, "HEAD, {range}");
    }
    assert_eq!(ask(&[], 0, false), Asked::Whole);
    assert_eq!(ask(&[(RANGE, "bytes=0-")], 0, false), Asked::Unmet);
}

#[test]
fn what_is_given_is_what_was_asked_for() {
    for (wanted, bytes) in [
        (Asked::Whole, (0, 100)),
        (Asked::Part(0, 0), (0, 1)),
        (Asked::Part(90, 99), (90, 10)),
        (Asked::Unmet, (0, 0)),
        (Asked::NotModified, (0, 0)),
        (Asked::Failed, (0, 0)),
    ] {
        assert_eq!(wanted.bytes(100), bytes, "{wanted:?}");
    }
    assert_eq!(Asked::Whole.bytes(0), (0, 0));
}

#[test]
fn conditions_compare_with_the_validator() {
    use header::{IF_MATCH, IF_NONE_MATCH, IF_RANGE, RANGE};
    for known in [TAG, "*", "W/\"a\"", "\"b\", \"a\""] {
        assert_eq!(ask(&[(IF_NONE_MATCH, known)], 100, false), Asked::NotModified, "{known}");
    }
    assert_eq!(ask(&[(IF_NONE_MATCH, "\"b\"")], 100, false), Asked::Whole);
    // In several lines it is one list.
    assert_eq!(ask(&[(IF_NONE_MATCH, "\"b\""), (IF_NONE_MATCH, TAG)], 100, false), Asked::NotModified);
    for (known, wanted) in [
        (TAG, Asked::Whole),
        ("*", Asked::Whole),
        ("\"b\", \"a\"", Asked::Whole),
        ("W/\"a\"", Asked::Failed),
        ("\"b\"", Asked::Failed),
        ("", Asked::Failed),
    ] {
        assert_eq!(ask(&[(IF_MATCH, known)], 100, false), wanted, "{known}");
        assert_eq!(ask(&[(IF_MATCH, known)], 100, true), wanted, "HEAD, {known}");
    }
    // The one that must hold is looked at first.
    assert_eq!(ask(&[(IF_MATCH, "\"b\""), (IF_NONE_MATCH, TAG)], 100, false), Asked::Failed);
    assert_eq!(ask(&[(IF_MATCH, TAG), (IF_NONE_MATCH, TAG)], 100, false), Asked::NotModified);
    assert_eq!(ask(&[(IF_MATCH, TAG), (RANGE, "bytes=0-1")], 100, false), Asked::Part(0, 1));
    use header::{IF_MODIFIED_SINCE, IF_UNMODIFIED_SINCE};
    for name in [IF_MODIFIED_SINCE, IF_UNMODIFIED_SINCE] {
        assert_eq!(ask(&[(name, "Wed, 25 Nov 2026 10:00:00 GMT")], 100, false), Asked::Whole);
    }
    let range = (RANGE, "bytes=0-1");
    assert_eq!(ask(&[range.clone(), (IF_RANGE, TAG)], 100, false), Asked::Part(0, 1));
    // A weak one, another, or a date: what was there may have been something else.
    for known in ["W/\"a\"", "\"b\"", "Wed, 25 Nov 2026 10:00:00 GMT"] {
        assert_eq!(ask(&[range.clone(), (IF_RANGE, known)], 100, false), Asked::Whole, "{known}");
    }
}
