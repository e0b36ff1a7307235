//! Connections: so many at once, each bounded in time.

use std::sync::Arc;
use std::time::Duration;

use axum::Router;
use hyper::server::conn::http1;
use hyper_util::rt::{TokioIo, TokioTimer};
use hyper_util::server::graceful::GracefulShutdown;
use hyper_util::service::TowerToHyperService;
use tokio::net::TcpListener;
use tokio::sync::Semaphore;

use super::Server;

/// Most bytes of a request's head.
const HEAD: usize = 16 << 10;
/// Most headers of a request.
const HEADERS: usize = 64;
/// How long a connection may last; listeners to events connect again by themselves.
const LONGEST: Duration = Duration::from_secs(3600);
/// How long requests under way may take when the server stops.
const LAST: Duration = Duration::from_secs(5);

/// Answers until `stop` is there.
pub async fn serve(
    server: &Arc<Server>,
    listener: TcpListener,
    service: Router,
    stop: impl Future<Output = ()>,
) {
    let graceful = GracefulShutdown::new();
    let places = Arc::new(Semaphore::new(server.limits.connections));
    let mut http = http1::Builder::new();
    http.timer(TokioTimer::new())
        .header_read_timeout(server.limits.patience)
        .max_buf_size(HEAD)
        .max_headers(HEADERS);
    tokio::pin!(stop);
    loop {
        let place = Arc::clone(&places).acquire_owned();
        let accepted = async {
            // Who finds no place waits in the system's queue.
            let place = place.await.ok()?;
            match listener.accept().await {
                Ok((stream, _)) => Some((stream, place)),
                // Of one connection, or of too many open files: neither ends the server.
                Err(_) => {
                    tokio::time::sleep(Duration::from_millis(100)).await;
                    None
                }
            }
        };
        let accepted = tokio::select! {
            accepted = accepted => accepted,
            () = &mut stop => break,
        };
        let Some((stream, place)) = accepted else {
            continue;
        };
        let service = TowerToHyperService::new(service.clone());
        let connection = http.serve_connection(TokioIo::new(stream), service);
        let connection = graceful.watch(connection);
        let server = Arc::clone(server);
        server.metrics.connected();
        tokio::spawn(async move {
            // What a client does to its connection is no matter of ours.
            let _ = tokio::time::timeout(LONGEST, connection).await;
            server.metrics.disconnected();
            drop(place);
        });
    }
    drop(listener);
    server.stop();
    let _ = tokio::time::timeout(LAST, graceful.shutdown()).await;
}
