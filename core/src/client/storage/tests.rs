use super::*;
use crate::client::desk::Desk;

#[test]
fn of_two_bounds_the_lower_counts() {
    assert_eq!(
        [
            lower(None, None),
            lower(Some(3), None),
            lower(None, Some(4)),
            lower(Some(3), Some(4)),
            lower(Some(5), Some(4))
        ],
        [None, Some(3), Some(4), Some(3), Some(4)]
    );
}

#[tokio::test]
async fn what_the_server_lets_devices_keep_bounds_it_whatever_was_chosen() {
    let mut desk = Desk::new().await;
    desk.said(1, 1..=300).await;
    let workspace = desk.client.workspace(desk.ws).unwrap();
    let held = async || workspace.cache.used().await.unwrap().messages;
    desk.client.keep(None, None).await.unwrap();
    assert_eq!(held().await, 300);
    // All of them were said in 1970.
    let bounds = DeviceBounds { days: Some(30), megabytes: Some(1) };
    workspace.cache.set_device_bounds(Some(bounds)).await.unwrap();
    let shown = desk.client.storage().await.unwrap();
    assert_eq!((shown.days, shown.bytes), (None, None), "what was chosen stays chosen");
    assert_eq!(shown.workspaces[0].limit, Some(LimitView { days: Some(30), bytes: Some(BYTES_MIN) }));
    desk.client.keep_within().await.unwrap();
    assert!(held().await < 300);
    // It does not come back by itself before the server lets it.
    assert!(workspace.cache.incomplete().await.unwrap().is_empty());
    workspace.cache.set_device_bounds(None).await.unwrap();
    assert!(!workspace.cache.incomplete().await.unwrap().is_empty());
    assert_eq!(desk.client.storage().await.unwrap().workspaces[0].limit, None);
}
