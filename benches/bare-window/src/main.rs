//! What any Tauri program costs: a window with one line of text, which says when it was painted.

#[tauri::command]
fn painted() {
    let now = std::time::SystemTime::now().duration_since(std::time::UNIX_EPOCH).unwrap_or_default();
    println!("painted {}", now.as_micros());
}

fn main() {
    tauri::Builder::default()
        .invoke_handler(tauri::generate_handler![painted])
        .run(tauri::generate_context!())
        .expect("the bare window runs");
}
