//! The gRPC server of the relay: which services stand on the port, and how they end.

use std::time::Duration;

use anyhow::Context;
use tidegate_ops::stop;
use tidegate_proto::DESCRIPTORS;
use tidegate_proto::observer::observer_server::ObserverServer;
use tidegate_proto::v1::Setting;
use tidegate_proto::v1::config_server::ConfigServer;
use tidegate_proto::v1::egress_server::EgressServer;
use tidegate_proto::v1::history_server::HistoryServer;
use tokio::net::TcpListener;
use tokio::time::timeout;
use tonic::codegen::http;
use tonic::transport::Server;
use tonic::transport::server::TcpIncoming;
use tonic_health::ServingStatus;
use tonic_health::server::HealthReporter;
use tower::util::MapResponseLayer;

use crate::egress::{ClusterEgress, RelayConfig};
use crate::fanout::Pace;
use crate::history::StoredHistory;
use crate::observer::ClusterObserver;
use crate::peers::Pool;
use crate::recorder::Recorder;

/// Names under which health is asked: the whole server, the one that the stock command line uses,
/// and the service.
const HEALTH_NAMES: [&str; 3] = ["", "hubble.server.Observer", "observer.Observer"];

/// What reflection shows.
const SERVICES: [&str; 5] =
    ["observer.Observer", "tidegate.v1.History", "tidegate.v1.Egress", "tidegate.v1.Config", "grpc.health.v1.Health"];

/// The response header by which clients know a relay and its version.
const VERSION_HEADER: http::HeaderName = http::HeaderName::from_static("hubble-relay-version");

/// How long clients may take to notice that the relay stops.
const FAREWELL: Duration = Duration::from_secs(2);

/// Serves until `stop` is set.
pub(crate) async fn serve(
    listener: TcpListener,
    relay: String,
    pool: Pool,
    recorder: Option<Recorder>,
    settings: Vec<Setting>,
    stop: stop::Signal,
) -> anyhow::Result<()> {
    let (reporter, health) = tonic_health::server::health_reporter();
    report(&reporter, false).await;
    tokio::spawn(watch_health(reporter, pool.clone(), stop.clone()));
    pool.watch(&stop);
    let history = StoredHistory { recorder: recorder.clone(), stop: stop.clone() };
    let observer = ClusterObserver { relay, pool: pool.clone(), recorder, pace: Pace::DEFAULT, stop: stop.clone() };
    let version = http::HeaderValue::from_static(env!("CARGO_PKG_VERSION"));
    let stamp = move |mut response: http::Response<_>| {
        response.headers_mut().insert(VERSION_HEADER, version.clone());
        response
    };
    let stopping = stop.clone();
    let server = Server::builder()
        .layer(MapResponseLayer::new(stamp))
        .add_service(ObserverServer::new(observer))
        .add_service(HistoryServer::new(history))
        .add_service(EgressServer::new(ClusterEgress { pool }))
        .add_service(ConfigServer::new(RelayConfig { settings }))
        .add_service(health)
        .add_service(reflection().build_v1().context("cannot serve reflection v1")?)
        .add_service(reflection().build_v1alpha().context("cannot serve reflection v1alpha")?)
        .serve_with_incoming_shutdown(
            // A client that vanished without a word must not hold its stream for ever.
            TcpIncoming::from(listener)
                .with_nodelay(Some(true))
                .with_keepalive(Some(Duration::from_secs(60)))
                .with_keepalive_interval(Some(Duration::from_secs(10)))
                .with_keepalive_retries(Some(3)),
            async move { stopping.wait().await },
        );
    let mut server = std::pin::pin!(server);
    tokio::select! {
        served = &mut server => return served.context("the relay's server failed"),
        () = stop.wait() => {}
    }
    match timeout(FAREWELL, server).await {
        Ok(served) => served.context("the relay's server failed"),
        Err(_) => {
            tracing::info!("clients that did not hang up are cut off");
            Ok(())
        }
    }
}

fn reflection() -> tonic_reflection::server::Builder<'static> {
    let builder = tonic_reflection::server::Builder::configure()
        .register_encoded_file_descriptor_set(DESCRIPTORS)
        .register_encoded_file_descriptor_set(tonic_health::pb::FILE_DESCRIPTOR_SET);
    SERVICES.into_iter().fold(builder, |builder, name| builder.with_service_name(name))
}

/// The relay is healthy while at least one node can be asked.
async fn watch_health(reporter: HealthReporter, pool: Pool, stop: stop::Signal) {
    let mut usable = pool.usable();
    loop {
        let healthy = *usable.borrow_and_update() > 0;
        report(&reporter, healthy).await;
        tokio::select! {
            changed = usable.changed() => if changed.is_err() { return },
            () = stop.wait() => break,
        }
    }
    report(&reporter, false).await;
}

async fn report(reporter: &HealthReporter, healthy: bool) {
    let status = match healthy {
        true => ServingStatus::Serving,
        false => ServingStatus::NotServing,
    };
    for name in HEALTH_NAMES {
        reporter.set_service_status(name, status).await;
    }
}
