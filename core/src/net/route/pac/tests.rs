use super::*;
use crate::net::route::setting::Setting;
use std::net::Ipv4Addr;

/// Saturday, 28 November 2026, 13:30:05 UTC.
const NOW: i64 = 1_795_872_605_000;

async fn answer(script: &str) -> Result<String, String> {
    let question = Question {
        script: script.to_owned(),
        url: "https://chat.example.org/".into(),
        host: "chat.example.org".into(),
        millis: NOW,
        address: Some(Ipv4Addr::new(10, 1, 2, 3).into()),
    };
    run(Arc::new(Semaphore::new(1)).acquire_owned().await.unwrap(), question).await
}

/// What an expression is, inside of a script.
async fn is(expression: &str) -> bool {
    let script = format!("function FindProxyForURL(url, host) {{ return ({expression}) ? 'yes' : 'no'; }}");
    match answer(&script).await.unwrap().as_str() {
        "yes" => true,
        "no" => false,
        other => panic!("{other}"),
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_script_says_where_to_go_and_hears_no_more_than_the_host() {
    let script = "function FindProxyForURL(url, host) { return 'PROXY ' + host + ':1; ' + url; }";
    assert_eq!(answer(script).await.unwrap(), "PROXY chat.example.org:1; https://chat.example.org/");
    let ways = read("proxy a:8080; SOCKS [::1]:9 ; HTTPS b;QUIC c:1; DIRECT;", None).unwrap();
    let ways: Vec<String> = ways.iter().map(ToString::to_string).collect();
    assert_eq!(ways, ["http://a:8080", "socks5://[::1]:9", "https://b:443", "direct"]);
}

#[tokio::test(flavor = "multi_thread")]
async fn the_functions_of_scripts_do_what_their_description_says() {
    for (expression, expected) in [
        ("isPlainHostName('www')", true),
        ("isPlainHostName('www.example.org')", false),
        ("dnsDomainIs('www.example.org', '.example.org')", true),
        ("dnsDomainIs('www', '.example.org')", false),
        ("localHostOrDomainIs('www.example.org', 'www.example.org')", true),
        ("localHostOrDomainIs('www', 'www.example.org')", true),
        ("localHostOrDomainIs('www.other.org', 'www.example.org')", false),
        ("localHostOrDomainIs('home.example.org', 'www.example.org')", false),
        ("isInNet('198.95.249.79', '198.95.249.79', '255.255.255.255')", true),
        ("isInNet('198.95.6.8', '198.95.0.0', '255.255.0.0')", true),
        ("isInNet('198.96.6.8', '198.95.0.0', '255.255.0.0')", false),
        ("isInNet('255.1.2.3', '255.1.0.0', '255.255.0.0')", true),
        ("isInNet('no.such.name.invalid', '10.0.0.0', '255.0.0.0')", false),
        ("isInNet('300.1.1.1', '0.0.0.0', '0.0.0.0')", false),
        ("isResolvable('localhost')", true),
        ("isResolvable('no.such.name.invalid')", false),
        ("dnsResolve('127.0.0.1') === '127.0.0.1'", true),
        ("dnsResolve('no.such.name.invalid') === null", true),
        ("convert_addr('104.16.41.2') === 1745889538", true),
        ("myIpAddress() === '10.1.2.3'", true),
        ("dnsDomainLevels('www') === 0 && dnsDomainLevels('mozilla.org') === 1", true),
        ("shExpMatch('http://home.example.org/people/ari/index.html', '*/ari/*')", true),
        ("shExpMatch('http://home.example.org/people/montulli/index.html', '*/ari/*')", false),
        ("shExpMatch('abc', 'a?c') && shExpMatch('', '*') && !shExpMatch('abcd', 'a?c')", true),
        ("shExpMatch('a.c', 'a.c') && !shExpMatch('abc', 'a.c')", true),
        ("weekdayRange('SAT', 'GMT')", true),
        ("weekdayRange('MON', 'FRI', 'GMT')", false),
        ("weekdayRange('FRI', 'MON', 'GMT')", true),
        ("dateRange(28, 'GMT')", true),
        ("dateRange(1, 27, 'GMT')", false),
        ("dateRange(20, 5, 'GMT')", true),
        ("dateRange('NOV', 'GMT')", true),
        ("dateRange('DEC', 'MAR', 'GMT')", false),
        ("dateRange('OCT', 'MAR', 'GMT')", true),
        ("dateRange(1, 'JUN', 15, 'AUG', 'GMT')", false),
        ("dateRange(1, 'NOV', 15, 'DEC', 'GMT')", true),
        ("dateRange(1, 'JUN', 1995, 15, 'AUG', 1995, 'GMT')", false),
        ("dateRange('OCT', 2025, 'MAR', 2027, 'GMT')", true),
        ("dateRange(2026, 'GMT')", true),
        ("dateRange(2027, 2025, 'GMT')", false),
        ("timeRange(13, 'GMT')", true),
        ("timeRange(12, 13, 'GMT')", false),
        ("timeRange(9, 17, 'GMT')", true),
        ("timeRange(13, 30, 14, 0, 'GMT')", true),
        ("timeRange(0, 0, 0, 13, 30, 4, 'GMT')", false),
        ("timeRange(22, 14, 'GMT')", true),
    ] {
        assert_eq!(is(expression).await, expected, "{expression}");
    }
}

fn address() -> Url {
    Url::parse("https://example.org/proxy.pac").unwrap()
}

#[tokio::test(flavor = "multi_thread")]
async fn a_script_that_never_ends_ends_in_time() {
    let begun = Instant::now();
    let why = answer("function FindProxyForURL() { while (true) {} }").await.unwrap_err();
    assert_eq!(why, "it does not end in time");
    let why = answer("for (;;) { try { for (;;) {} } catch (e) {} }").await.unwrap_err();
    assert_eq!(why, "it does not end in time");
    // What the engine itself goes on doing is left behind, and keeps the next from running beside it.
    let script = Script {
        text: "function FindProxyForURL() { [].reverse.call({ length: 2 ** 53 - 1 }); }".into(),
        address: None,
        runs: Arc::new(Semaphore::new(1)),
    };
    let why = script.ways("chat.example.org", 443, NOW, None).await.unwrap_err();
    assert!(matches!(&why, Failed::Itself(why) if why == "it does not end in time"), "{why:?}");
    assert_eq!(script.runs.available_permits(), 0);
    // Fetched again, it is the same; one that was mended runs beside it.
    let copy = |text: &str| Script { text: text.into(), address: None, runs: Arc::new(Semaphore::new(1)) };
    let text = script.text.clone();
    let kept = Kept::new(address(), 1, [None, None], Ok(script), None);
    let again = Kept::new(address(), 1, [None, None], Ok(copy(&text)), Some(kept));
    assert_eq!(again.script().unwrap().runs.available_permits(), 0);
    let mended = Kept::new(address(), 1, [None, None], Ok(copy("other")), Some(again));
    assert_eq!(mended.script().unwrap().runs.available_permits(), 1);
    assert!(begun.elapsed() < Duration::from_secs(12), "{:?}", begun.elapsed());
}

#[tokio::test(flavor = "multi_thread")]
async fn a_script_that_takes_all_memory_gets_none() {
    for script in [
        "function FindProxyForURL() { var all = []; while (true) { all.push(new Array(100000).fill(1)); } }",
        "function FindProxyForURL() { var s = 'x'; while (true) { s = s + s; } }",
        "function FindProxyForURL() { return FindProxyForURL(); }",
    ] {
        answer(script).await.unwrap_err();
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_script_that_answers_nonsense_says_so() {
    let long =
        answer("function FindProxyForURL() { return new Array(1000000).join('PROXY a:1;'); }").await.unwrap_err();
    assert_eq!(long, "its answer is too long");
    for script in ["", "function FindProxyForURL() { return 7; }", "function FindProxyForURL() { nothing(); }", "((("] {
        answer(script).await.unwrap_err();
    }
    let script = "function FindProxyForURL() { throw new Error('no'); }";
    assert!(answer(script).await.unwrap_err().contains("no"));
    read("nothing at all", None).unwrap_err();
    read("", None).unwrap_err();
    assert_eq!(read(&"PROXY a:1;".repeat(100), None).unwrap().len(), WAYS_MAX);
}

#[tokio::test(flavor = "multi_thread")]
async fn one_run_leaves_nothing_for_the_next() {
    let script = "var n = (typeof n === 'undefined') ? 1 : n + 1; function FindProxyForURL() { return String(n); }";
    assert_eq!(answer(script).await.unwrap(), "1");
    assert_eq!(answer(script).await.unwrap(), "1");
}

#[tokio::test]
async fn a_file_that_is_no_script_is_not_read_to_its_end() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("proxy.pac");
    std::fs::write(&path, vec![b' '; SCRIPT_MAX + 1]).unwrap();
    let url = Url::from_file_path(&path).unwrap();
    let why = Script::fetch(&url, [None, None], &[]).await.unwrap_err();
    assert_eq!(why, "it is longer than 1 MiB");
    std::fs::write(&path, "function FindProxyForURL() { return 'DIRECT'; }").unwrap();
    let script = Script::fetch(&url, [None, None], &[]).await.unwrap();
    let kept = Kept::new(address(), 7, [None, None], Ok(script), None);
    assert!(kept.is_fresh(&address(), 7, [None, None]));
    let other = Url::parse("https://other.example.org/proxy.pac").unwrap();
    assert!(!kept.is_fresh(&other, 7, [None, None]), "another script");
    assert!(!kept.is_fresh(&address(), 8, [None, None]), "another choice");
    assert!(!kept.is_fresh(&address(), 7, [Some(Ipv4Addr::LOCALHOST.into()), None]), "another network");
}

#[tokio::test]
async fn a_script_that_never_stops_coming_is_cut_off() {
    use tokio::io::{AsyncReadExt, AsyncWriteExt};
    let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
    let url = Url::parse(&format!("http://{}/proxy.pac", listener.local_addr().unwrap())).unwrap();
    let serving = tokio::spawn(async move {
        let (mut socket, _) = listener.accept().await.unwrap();
        let mut asked = [0; 1024];
        let _ = socket.read(&mut asked).await.unwrap();
        socket.write_all(b"HTTP/1.1 200 OK\r\nContent-Type: text/plain\r\n\r\n").await.unwrap();
        let mut sent = 0_usize;
        while socket.write_all(&[b' '; 65536]).await.is_ok() {
            sent += 65536;
        }
        sent
    });
    let why = Script::fetch(&url, [None, None], &[]).await.unwrap_err();
    assert_eq!(why, "it is longer than 1 MiB");
    assert!(serving.await.unwrap() < 16 << 20, "nobody reads on");
}

#[test]
fn a_password_is_given_to_no_script_that_came_in_the_open() {
    let login = || Some(Login { user: "ana".into(), password: "secret".to_owned().into() });
    Setting::parse("pac:http://proxy.example.org/a.pac", false, login()).unwrap_err();
    Setting::parse("pac:http://proxy.example.org/a.pac", false, None).unwrap();
    Setting::parse("pac:https://proxy.example.org/a.pac", false, login()).unwrap();
}
