//! openapi.json: from the table of routes and the types of the answers. The page's TypeScript
//! types are made from it.

use tidegate_proto::terms::KEYS;
use utoipa::OpenApi;
use utoipa::openapi::path::{OperationBuilder, Parameter, ParameterBuilder, ParameterIn};
use utoipa::openapi::schema::{KnownFormat, SchemaFormat, SchemaType, Type};
use utoipa::openapi::{
    ArrayBuilder, Content, HttpMethod, InfoBuilder, ObjectBuilder, OpenApi as Document, PathItem, PathsBuilder, Ref,
    RefOr, Required, Response, ResponseBuilder, Schema,
};

use crate::answer::*;
use crate::routes::{Answer, BASE, Form, Param, ROUTES, Route};

#[derive(OpenApi)]
#[openapi(components(schemas(
    CliCommand,
    CliFilters,
    Facets,
    FlowDetail,
    FlowPage,
    Histogram,
    Lost,
    Problem,
    Status,
    StreamFlows,
    Values,
)))]
struct Schemas;

/// The whole document.
#[must_use]
pub fn document() -> Document {
    let mut document = Schemas::openapi();
    document.info = InfoBuilder::new()
        .title("Tidegate dashboard")
        .version("1")
        .description(Some(
            "Stored and live flows. Every key of the filter language is a parameter: a repeated key is OR, different \
             keys are AND, and a value that begins with `!` is NOT.",
        ))
        .build();
    let paths = ROUTES.iter().fold(PathsBuilder::new(), |paths, route| {
        paths.path(format!("{BASE}{}", route.path), PathItem::new(HttpMethod::Get, operation(route)))
    });
    document.paths = paths.build();
    document
}

/// As it is served and committed.
#[must_use]
pub fn text() -> String {
    let mut text = document().to_pretty_json().expect("a document of strings and lists is JSON");
    text.push('\n');
    text
}

fn operation(route: &Route) -> OperationBuilder {
    let mut operation = OperationBuilder::new()
        .operation_id(Some(route.name))
        .summary(Some(route.summary))
        .response("200", success(route.answer));
    if route.path.contains("{uuid}") {
        let uuid = parameter("uuid", "Of the flow", text_schema().into()).parameter_in(ParameterIn::Path);
        operation = operation.parameter(uuid.required(Required::True));
    }
    for param in route.params {
        operation = operation.parameter(own(param));
    }
    if route.filters {
        for key in KEYS {
            operation = operation.parameter(filter(key.name, key.help));
        }
    }
    if route.name != "openapi" && route.name != "status" {
        let problem = Content::new(Some(Ref::from_schema_name("Problem")));
        let response = ResponseBuilder::new().description("There is no answer").content("application/json", problem);
        operation = operation.response("default", response);
    }
    operation
}

fn success(answer: Answer) -> Response {
    let response = ResponseBuilder::new().description("The answer");
    let text = || Content::new(Some(text_schema()));
    match answer {
        Answer::Json(schema) => response.content("application/json", Content::new(Some(Ref::from_schema_name(schema)))),
        Answer::Document => response.content("application/json", Content::new(Some(ObjectBuilder::new()))),
        Answer::Events => response.content("text/event-stream", text()),
        Answer::Lines(types) => types.iter().fold(response, |response, kind| response.content(*kind, text())),
    }
    .build()
}

fn own(param: &Param) -> Parameter {
    let required = if param.required { Required::True } else { Required::False };
    parameter(param.name, param.help, schema(param.form)).required(required).build()
}

/// Repeatable; each value one filter.
fn filter(key: &str, help: &str) -> Parameter {
    parameter(key, help, ArrayBuilder::new().items(text_schema()).into()).required(Required::False).build()
}

fn parameter(name: &str, help: &str, schema: RefOr<Schema>) -> ParameterBuilder {
    ParameterBuilder::new().name(name).description(Some(help)).parameter_in(ParameterIn::Query).schema(Some(schema))
}

fn schema(form: Form) -> RefOr<Schema> {
    match form {
        Form::Text => text_schema().into(),
        Form::Time => {
            text_schema().examples([serde_json::json!("1h"), serde_json::json!("2026-11-23T07:00:00Z")]).into()
        }
        Form::Count { least, most, default } => ObjectBuilder::new()
            .schema_type(SchemaType::new(Type::Integer))
            .format(Some(SchemaFormat::KnownFormat(KnownFormat::Int32)))
            .minimum(Some(least))
            .maximum(Some(most))
            .default(Some(default.into()))
            .into(),
        Form::Choice(words) => text_schema()
            .enum_values(Some(words.iter().copied()))
            .default(words.first().map(|word| (*word).into()))
            .into(),
        Form::Keys(_) => text_schema().into(),
    }
}

fn text_schema() -> ObjectBuilder {
    ObjectBuilder::new().schema_type(SchemaType::new(Type::String))
}
