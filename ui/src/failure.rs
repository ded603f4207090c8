//! Why there is no answer: the cause, and what to try.

use axum::http::StatusCode;
use axum::response::{IntoResponse, Response};
use tidegate_ops::settings::Address;
use tidegate_proto::terms::TermError;
use tonic::{Code, Status};

/// Longest part of another program's words that is passed on, bytes.
const WORDS_MAX: usize = 1024;

/// A request without an answer. [`crate::guard`] gives it the request's number and its form.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Failure {
    pub(crate) status: StatusCode,
    /// The cause, in a sentence.
    pub(crate) error: String,
    /// What to try.
    pub(crate) hint: Option<String>,
}

impl Failure {
    pub(crate) fn new(status: StatusCode, error: impl Into<String>) -> Self {
        Self { status, error: error.into(), hint: None }
    }

    pub(crate) fn bad_request(error: impl Into<String>) -> Self {
        Self::new(StatusCode::BAD_REQUEST, error)
    }

    pub(crate) fn hint(self, hint: impl Into<String>) -> Self {
        Self { hint: Some(hint.into()), ..self }
    }

    /// What a failed call to the relay at `address` means.
    pub(crate) fn of_call(status: &Status, address: &Address) -> Self {
        // A status with a source was made on this side: by a connection that broke or never was,
        // unless it was by our own clock.
        let by_clock = matches!(status.code(), Code::Cancelled | Code::DeadlineExceeded);
        if std::error::Error::source(status).is_some() && !by_clock {
            return Self::new(StatusCode::SERVICE_UNAVAILABLE, format!("nothing answers on {address}"))
                .hint("start `tidegate relay`, or name its address with --server");
        }
        let words = cut(status.message());
        match status.code() {
            Code::InvalidArgument | Code::OutOfRange => Self::bad_request(words),
            Code::NotFound => Self::new(StatusCode::NOT_FOUND, words),
            // It has no store, and says how to give it one.
            Code::FailedPrecondition => Self::new(StatusCode::SERVICE_UNAVAILABLE, words),
            Code::Unimplemented => {
                Self::new(StatusCode::SERVICE_UNAVAILABLE, format!("{address} keeps no history of flows"))
                    .hint("name the address of a Tidegate relay with --server")
            }
            Code::DeadlineExceeded | Code::Cancelled => {
                Self::new(StatusCode::GATEWAY_TIMEOUT, "the relay did not answer in time")
                    .hint("ask for a shorter span, or with fewer filters")
            }
            Code::ResourceExhausted => Self::new(StatusCode::SERVICE_UNAVAILABLE, words).hint("try again in a moment"),
            Code::Unavailable => {
                Self::new(StatusCode::SERVICE_UNAVAILABLE, format!("the relay cannot answer: {words}"))
                    .hint("try again in a moment; its log says more")
            }
            code => Self::new(StatusCode::BAD_GATEWAY, format!("the relay answered with an error: {code:?}: {words}"))
                .hint("its log says more"),
        }
    }
}

/// Text of a bounded length.
pub(crate) fn cut(text: &str) -> String {
    match text.len() <= WORDS_MAX {
        true => text.to_owned(),
        false => format!("{}…", &text[..text.floor_char_boundary(WORDS_MAX)]),
    }
}

impl From<TermError> for Failure {
    fn from(error: TermError) -> Self {
        Self::bad_request(cut(&error.to_string()))
    }
}

impl IntoResponse for Failure {
    fn into_response(self) -> Response {
        let mut response = self.status.into_response();
        response.extensions_mut().insert(self);
        response
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_the_relay_says_about_a_request_is_passed_on() {
        let address = Address::Tcp("relay:4245".to_owned());
        let failure = Failure::of_call(&Status::invalid_argument("bad CIDR"), &address);
        assert_eq!((failure.status, failure.error.as_str()), (StatusCode::BAD_REQUEST, "bad CIDR"));
        let failure = Failure::of_call(&Status::failed_precondition("there is no store"), &address);
        assert_eq!((failure.status.as_u16(), failure.error.as_str()), (503, "there is no store"));
    }

    #[test]
    fn a_relay_that_is_slow_is_told_from_one_that_is_not_there() {
        let address = Address::Tcp("relay:4245".to_owned());
        let slow = Status::from_error(Box::new(tonic::TimeoutExpired(())));
        assert_eq!(Failure::of_call(&slow, &address).status, StatusCode::GATEWAY_TIMEOUT);
        let broken = Status::from_error(Box::new(std::io::Error::other("connection reset")));
        assert_eq!(Failure::of_call(&broken, &address).error, "nothing answers on relay:4245");
    }

    #[test]
    fn long_words_are_cut_between_characters() {
        let text = "é".repeat(WORDS_MAX);
        let short = cut(&text);
        assert!(short.len() <= WORDS_MAX + 3 && short.ends_with("é…"));
        assert_eq!(cut("short"), "short");
    }
}
