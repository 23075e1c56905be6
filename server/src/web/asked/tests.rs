use super::*;

const TAG: &str = "\"a\"";

fn ask(pairs: &[(HeaderName, &'static str)], size: u64, head: bool) -> Asked {
    let headers = pairs.iter().map(|(name, value)| (name.clone(), value.parse().unwrap())).collect();
    asked(&headers, TAG, size, head)
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
fn conditions_compare_with_the_validator() {
    use header::{IF_NONE_MATCH, IF_RANGE, RANGE};
    for known in [TAG, "*", "W/\"a\"", "\"b\", \"a\""] {
        assert_eq!(ask(&[(IF_NONE_MATCH, known)], 100, false), Asked::NotModified, "{known}");
    }
    assert_eq!(ask(&[(IF_NONE_MATCH, "\"b\"")], 100, false), Asked::Whole);
    let range = (RANGE, "bytes=0-1");
    assert_eq!(ask(&[range.clone(), (IF_RANGE, TAG)], 100, false), Asked::Part(0, 1));
    // A weak one, another, or a date: what was there may have been something else.
    for known in ["W/\"a\"", "\"b\"", "Wed, 25 Nov 2026 10:00:00 GMT"] {
        assert_eq!(ask(&[range.clone(), (IF_RANGE, known)], 100, false), Asked::Whole, "{known}");
    }
}
