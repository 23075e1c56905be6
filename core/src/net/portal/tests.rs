use super::*;
use http::{HeaderMap, HeaderValue};

fn answer(status: u16, header: Option<(header::HeaderName, &'static str)>) -> Answer {
    let mut headers = HeaderMap::new();
    if let Some((name, value)) = header {
        headers.insert(name, HeaderValue::from_static(value));
    }
    Answer { status: StatusCode::from_u16(status).unwrap(), headers, bytes: Vec::new() }
}

#[test]
fn pages_and_redirects_elsewhere_are_a_networks_and_a_servers_own_answers_are_not() {
    let url = "https://chat.example.org/.well-known/x";
    let page = |answer: Answer| is_page(url, &answer);
    assert!(page(answer(200, Some((header::CONTENT_TYPE, "text/html; charset=utf-8")))));
    assert!(page(answer(302, Some((header::LOCATION, "http://login.hotel.example/?to=x")))));
    assert!(page(answer(511, None)));
    assert!(!page(answer(302, Some((header::LOCATION, "/elsewhere")))));
    assert!(!page(answer(301, Some((header::LOCATION, "https://chat.example.org/")))));
    assert!(!page(answer(502, Some((header::CONTENT_TYPE, "text/html")))), "the server's own gateway");
    assert!(!page(answer(200, Some((header::CONTENT_TYPE, "application/octet-stream")))));
}

#[tokio::test]
async fn a_plain_look_tells_a_network_that_leads_elsewhere_from_a_server_that_leads_to_itself() {
    use tokio::io::{AsyncReadExt, AsyncWriteExt};
    for (location, is) in [("http://login.hotel.example/", true), ("https://127.0.0.1/", false)] {
        let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
        let port = listener.local_addr().unwrap().port();
        let answering = tokio::spawn(async move {
            let (mut socket, _) = listener.accept().await.unwrap();
            let mut asked = [0; 1024];
            let _ = socket.read(&mut asked).await.unwrap();
            let answer = format!("HTTP/1.1 302 Found\r\nLocation: {location}\r\nContent-Length: 0\r\n\r\n");
            socket.write_all(answer.as_bytes()).await.unwrap();
        });
        assert_eq!(asks_at(&format!("http://127.0.0.1:{port}/")).await, is, "{location}");
        answering.await.unwrap();
    }
}
