//! What a request says in our own words, in `GetFlowsRequest.extensions`.

use prost::{DecodeError, Message};

use crate::{observer::GetFlowsRequest, v1::FlowsOptions};

/// The options of a request; the default ones if it has none.
///
/// # Errors
/// When they are malformed.
pub fn of(request: &GetFlowsRequest) -> Result<FlowsOptions, DecodeError> {
    match &request.extensions {
        Some(any) if any.type_url.ends_with("/tidegate.v1.FlowsOptions") => FlowsOptions::decode(any.value.as_slice()),
        _ => Ok(FlowsOptions::default()),
    }
}

#[cfg(test)]
mod tests {
    use prost_types::Any;

    use super::*;

    fn request(type_url: &str, value: Vec<u8>) -> GetFlowsRequest {
        GetFlowsRequest { extensions: Some(Any { type_url: type_url.into(), value }), ..GetFlowsRequest::default() }
    }

    #[test]
    fn options_are_found_under_any_domain_and_foreign_extensions_are_none() {
        let options = FlowsOptions { flow_info: true, ..FlowsOptions::default() };
        for url in ["type.googleapis.com/tidegate.v1.FlowsOptions", "/tidegate.v1.FlowsOptions"] {
            assert_eq!(of(&request(url, options.encode_to_vec())), Ok(options.clone()));
        }
        assert_eq!(of(&request("x/other.v1.FlowsOptions", vec![0xff])), Ok(FlowsOptions::default()));
        assert_eq!(of(&GetFlowsRequest::default()), Ok(FlowsOptions::default()));
    }

    #[test]
    fn malformed_options_are_told_from_none() {
        assert!(of(&request("/tidegate.v1.FlowsOptions", vec![0xff])).is_err());
    }
}
