use super::{Session, read_body};
use std::io::{Read, Write};
use std::net::TcpListener;
use std::path::Path;
use std::thread;

/// A driver that reads one request for each of its answers, and gives back the requests.
fn driver(answers: Vec<&'static str>) -> (u16, thread::JoinHandle<Vec<String>>) {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let port = listener.local_addr().unwrap().port();
    let served = thread::spawn(move || {
        let mut requests = Vec::new();
        let mut answers = answers.into_iter();
        while answers.len() > 0 {
            let (mut stream, _) = listener.accept().unwrap();
            let mut request = Vec::new();
            let mut buffer = [0; 4096];
            loop {
                let read = stream.read(&mut buffer).unwrap();
                request.extend_from_slice(&buffer[..read]);
                let text = String::from_utf8_lossy(&request);
                if read == 0 || complete(&text) {
                    break;
                }
            }
            // The probe that asks whether anybody listens sends nothing.
            if request.is_empty() {
                continue;
            }
            let body = answers.next().unwrap();
            write!(stream, "HTTP/1.1 200 OK\r\nContent-Length: {}\r\n\r\n{body}", body.len()).unwrap();
            requests.push(String::from_utf8(request).unwrap());
        }
        requests
    });
    (port, served)
}

fn complete(request: &str) -> bool {
    let Some((head, body)) = request.split_once("\r\n\r\n") else { return false };
    let length = head.lines().find_map(|line| line.strip_prefix("Content-Length: ")).unwrap();
    body.len() == length.parse::<usize>().unwrap()
}

#[test]
fn a_session_starts_the_program_it_was_given_and_ends_it() {
    let (port, served) = driver(vec![
        r#"{"value":{"sessionId":"s1","capabilities":{}}}"#,
        r#"{"value":{"error":"no such element","message":"nothing there","stacktrace":""}}"#,
        r#"{"value":"iVBORw=="}"#,
        r#"{"value":null}"#,
    ]);
    let session = Session::start(port, Path::new("/bin/window"), &["--profile".to_owned(), "p".to_owned()]).unwrap();
    assert_eq!(session.find("main").unwrap(), None);
    assert_eq!(session.screenshot().unwrap(), b"\x89PNG");
    drop(session);
    let requests = served.join().unwrap();
    assert!(requests[0].contains(r#""webkitgtk:browserOptions":{"args":["--profile","p"],"binary":"/bin/window"}"#));
    assert!(requests[2].starts_with("GET /session/s1/screenshot HTTP/1.1\r\n"));
    assert!(requests[3].starts_with("DELETE /session/s1 HTTP/1.1\r\n"));
}

#[test]
fn the_drivers_error_is_handed_on() {
    let (port, served) = driver(vec![r#"{"value":{"error":"session not created","message":"no such program"}}"#]);
    let failure = Session::start(port, Path::new("/nowhere"), &[]).err().unwrap();
    assert_eq!(failure.to_string(), "POST /session: session not created: no such program");
    served.join().unwrap();
}

#[test]
fn a_cut_off_answer_is_an_error() {
    assert!(read_body(&mut &b"HTTP/1.1 200 OK\r\ncontent-length: 9\r\n\r\n{\"val"[..]).is_err());
    assert_eq!(read_body(&mut &b"HTTP/1.1 200 OK\r\n\r\n{}"[..]).unwrap(), b"{}");
}
