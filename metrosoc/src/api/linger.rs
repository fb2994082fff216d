//! What is still coming of a request that was answered before it was read to its end. Over HTTP/2 letting go of its body
//! resets the stream; that is allowed behind the answer (RFC 9113, section 8.1), but clients that still send (curl among
//! them) then throw the answer away. So the rest is read and thrown away for a while.

use std::pin::Pin;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::task::{Context, Poll};
use std::time::Duration;

use axum::body::{Body, Bytes, HttpBody};
use axum::extract::Request;
use axum::http::Version;
use axum::middleware::Next;
use axum::response::Response;
use http_body::{Frame, SizeHint};
use http_body_util::BodyExt as _;

/// Most bytes that are read behind an answer.
const REST_BYTES_MAX: usize = 64 * 1024 * 1024;
/// Longest time that is read behind an answer.
const REST_TIME_MAX: Duration = Duration::from_secs(10);

/// Answers the request; the rest of its body is read behind the answer.
pub async fn linger(request: Request, next: Next) -> Response {
    if request.version() != Version::HTTP_2 || request.body().is_end_stream() {
        return next.run(request).await;
    }
    let (parts, body) = request.into_parts();
    let mut rest = Shared(Arc::new(Mutex::new(body)));
    let response = next.run(Request::from_parts(parts, Body::new(rest.clone()))).await;
    if !rest.is_end_stream() {
        tokio::spawn(async move {
            let all = async {
                let mut left = REST_BYTES_MAX;
                while let Some(Ok(frame)) = rest.frame().await {
                    let len = frame.data_ref().map_or(0, Bytes::len);
                    let Some(less) = left.checked_sub(len) else { break };
                    left = less;
                }
            };
            // Who sends for longer is cut off.
            let _ = tokio::time::timeout(REST_TIME_MAX, all).await;
        });
    }
    response
}

/// A body with two owners, who read one after the other.
#[derive(Clone)]
struct Shared(Arc<Mutex<Body>>);

impl Shared {
    fn body(&self) -> MutexGuard<'_, Body> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl HttpBody for Shared {
    type Data = Bytes;
    type Error = axum::Error;

    fn poll_frame(self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<Option<Result<Frame<Bytes>, axum::Error>>> {
        Pin::new(&mut *self.body()).poll_frame(context)
    }

    fn is_end_stream(&self) -> bool {
        self.body().is_end_stream()
    }

    fn size_hint(&self) -> SizeHint {
        self.body().size_hint()
    }
}
