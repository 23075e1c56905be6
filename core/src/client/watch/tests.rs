use super::super::desk::{Desk, channel};
use super::*;

fn texts(rows: &[Difference<MessageView>]) -> Vec<String> {
    rows.iter()
        .map(|step| match step {
            Difference::Resync(all) => format!("all {}", all.len()),
            Difference::Remove(place) => format!("-{place}"),
            Difference::Insert(place, row) => format!("+{place} {}", row.text),
            Difference::Change(place, row) => format!("~{place} {}", row.text),
        })
        .collect()
}

#[tokio::test]
async fn a_window_tells_what_moved_in_it_and_nothing_of_what_it_does_not_show() {
    let mut desk = Desk::new().await;
    desk.said(1, 1..=50).await;
    let mut window = desk.client.watch_timeline(desk.ws, channel(1), Window::Latest, 10).unwrap();
    let first = window.next().await.unwrap().unwrap();
    assert_eq!(texts(&first.rows), ["all 10"]);
    assert!(first.about.older && !first.about.newer);

    desk.said(1, 51..=51).await;
    assert_eq!(texts(&window.next().await.unwrap().unwrap().rows), ["-0", "+9 number 51"]);
    // Elsewhere, and beyond its edge: only what comes after that is told.
    desk.said(2, 1..=5).await;
    let edited = desk.message(1, 3, "edited far above");
    desk.take(vec![edited]).await;
    let edited = desk.message(1, 50, "edited within");
    desk.take(vec![edited]).await;
    assert_eq!(texts(&window.next().await.unwrap().unwrap().rows), ["~8 edited within"]);
}

#[tokio::test]
async fn a_window_that_is_turned_tells_the_steps_to_where_it_looks_now() {
    let mut desk = Desk::new().await;
    desk.said(1, 1..=50).await;
    let watch = |window, limit| desk.client.watch_timeline(desk.ws, channel(1), window, limit).unwrap();
    let mut window = watch(Window::Latest, 10);
    window.next().await.unwrap().unwrap();
    window.turn_to(watch(Window::Before { seq: 51 }, 12));
    assert_eq!(texts(&window.next().await.unwrap().unwrap().rows), ["+0 number 39", "+1 number 40"]);
    // Where it shows the same, that is said, too: somebody waits for it.
    window.turn_to(watch(Window::After { seq: 38 }, 12));
    assert_eq!(window.next().await.unwrap().unwrap().rows, []);
    desk.said(1, 51..=51).await;
    assert!(window.next().await.unwrap().unwrap().about.newer);
}

#[tokio::test]
async fn whatever_happened_meanwhile_is_one_answer_of_the_windows_size() {
    let mut desk = Desk::new().await;
    let mut window = desk.client.watch_timeline(desk.ws, channel(1), Window::Latest, 20).unwrap();
    assert_eq!(texts(&window.next().await.unwrap().unwrap().rows), ["all 0"]);
    for batch in 0..30 {
        desk.said(1, batch * 100 + 1..=batch * 100 + 100).await;
    }
    let Changed { rows, about } = window.next().await.unwrap().unwrap();
    assert_eq!(texts(&rows), ["all 20"]);
    assert!(about.older);
}

#[tokio::test]
async fn channels_and_what_is_unread_are_watched_and_so_is_a_search() {
    let mut desk = Desk::new().await;
    let mut channels = desk.client.watch_channels(desk.ws, false).unwrap();
    let query = SearchQuery { words: "number".into(), limit: 5, ..SearchQuery::default() };
    let mut search = desk.client.watch_search(desk.ws, query).unwrap();
    assert_eq!(channels.next().await.unwrap().unwrap().about, Unread { messages: 0, mentions: 0 });
    assert_eq!(search.next().await.unwrap().unwrap().rows, [Difference::Resync(Vec::new())]);

    desk.said(2, 1..=3).await;
    let told = channels.next().await.unwrap().unwrap();
    assert_eq!(told.about.messages, 3);
    assert!(matches!(&told.rows[..], [Difference::Change(_, row)] if row.id == channel(2)), "{:?}", told.rows);
    let Changed { rows, .. } = search.next().await.unwrap().unwrap();
    assert!(matches!(&rows[..], [Difference::Resync(hits)] if hits.len() == 3), "{rows:?}");
}

#[tokio::test]
async fn a_window_ends_with_its_profile() {
    let desk = Desk::new().await;
    let mut window = desk.client.watch_channels(desk.ws, true).unwrap();
    window.next().await.unwrap().unwrap();
    desk.client.close().await.unwrap();
    assert_eq!(window.next().await.unwrap(), None);
}
