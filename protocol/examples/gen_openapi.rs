//! Writes the OpenAPI file of what browsers call: `gen_openapi PATH`. Everything in it comes from the methods' types.

use schemars::generate::{SchemaGenerator, SchemaSettings};
use serde_json::{Map, Value, json};
use std::process::ExitCode;
use thechatapp_protocol::http::NATIVE_ONLY;
use thechatapp_protocol::method::Method;
use thechatapp_protocol::{Access, Code, ErrorBody, for_each_method};

/// Every code that a call can be answered with, by the status it comes with.
fn refusals(schema: &Value) -> Map<String, Value> {
    let mut all: Map<String, Value> = Map::new();
    for code in Code::EACH {
        let status = code.http_status().to_string();
        let name = serde_json::to_value(code).unwrap_or_default();
        let known = all.remove(&status);
        let about = known.and_then(|known| known.get("description")?.as_str().map(str::to_owned));
        let name = name.as_str().unwrap_or_default();
        let about = about.map_or_else(|| format!("Refused: {name}"), |known| format!("{known}, {name}"));
        let content = json!({ "application/json": { "schema": schema } });
        all.insert(status, json!({ "description": about, "content": content }));
    }
    all
}

fn access(access: Access) -> String {
    match access {
        Access::Power(power) => format!("power: {}", power.name()),
        other => format!("{other:?}").to_lowercase(),
    }
}

fn operation<M: Method>(generator: &mut SchemaGenerator, refused: &Map<String, Value>) -> Option<(String, Value)>
where
    M::Params: schemars::JsonSchema,
    M::Reply: schemars::JsonSchema,
{
    if NATIVE_ONLY.contains(&M::NAME) {
        return None;
    }
    let params = generator.subschema_for::<M::Params>();
    let reply = generator.subschema_for::<M::Reply>();
    let mut responses: Map<String, Value> = refused
        .keys()
        .map(|status| (status.clone(), json!({ "$ref": format!("#/components/responses/{status}") })))
        .collect();
    responses.insert(
        "200".to_owned(),
        json!({ "description": "Done", "content": { "application/json": { "schema": reply } } }),
    );
    let security = if M::ACCESS == Access::Anyone { json!([]) } else { json!([{ "session": [] }]) };
    let workspace = json!({
        "name": "workspace", "in": "path", "required": true, "schema": { "type": "string" },
        "description": "The workspace's short name",
    });
    let operation = json!({
        "operationId": M::NAME,
        "x-access": access(M::ACCESS),
        "x-fresh": M::FRESH,
        "security": security,
        "requestBody": { "required": true, "content": { "application/json": { "schema": params } } },
        "responses": responses,
    });
    Some((format!("/w/{{workspace}}/api/v1/{}", M::NAME), json!({ "parameters": [workspace], "post": operation })))
}

fn document() -> Value {
    let settings = SchemaSettings::draft2020_12().with(|settings| {
        settings.definitions_path = "/components/schemas".into();
        settings.meta_schema = None;
    });
    let mut generator = settings.into_generator();
    let error = generator.subschema_for::<ErrorBody>().to_value();
    let refused = refusals(&error);
    let mut paths: Map<String, Value> = Map::new();
    macro_rules! all {
        ($($method:ty,)*) => { [$(operation::<$method>(&mut generator, &refused)),*] };
    }
    for (path, item) in for_each_method!(all).into_iter().flatten() {
        paths.insert(path, item);
    }
    json!({
        "openapi": "3.1.0",
        "info": {
            "title": "TheChatApp",
            "version": "1",
            "description": "What a browser calls. Native clients call the same methods in their session. Files have routes of their own (docs/browser.md).",
        },
        "paths": paths,
        "components": {
            "responses": refused,
            "schemas": generator.take_definitions(true),
            "securitySchemes": {
                "session": { "type": "apiKey", "in": "cookie", "name": "__Host-thechatapp-<workspace>" },
            },
        },
    })
}

fn main() -> ExitCode {
    let Some(path) = std::env::args_os().nth(1) else {
        eprintln!("usage: gen_openapi PATH");
        return ExitCode::from(2);
    };
    let written = serde_json::to_string_pretty(&document()).map_err(std::io::Error::from);
    match written.and_then(|text| std::fs::write(&path, text + "\n")) {
        Ok(()) => ExitCode::SUCCESS,
        Err(why) => {
            eprintln!("{}: {why}", path.display());
            ExitCode::FAILURE
        }
    }
}
