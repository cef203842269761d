using Workerd = import "/workerd/workerd.capnp";

const config :Workerd.Config = (
  services = [
    (name = "main", worker = .worker),
    # The provider of the tests is on the loopback.
    (name = "internet", network = (allow = ["private"])),
  ],
  sockets = [(name = "http", address = "127.0.0.1:0", http = (), service = "main")],
);

const worker :Workerd.Worker = (
  modules = [(name = "worker.mjs", esModule = embed "worker.mjs")],
  compatibilityDate = "2026-10-01",
  # Without it nobody is told that a client has left.
  compatibilityFlags = ["enable_request_signal"],
  bindings = [
    (name = "POOLS", fromEnvironment = "POOLS"),
    (name = "APP", fromEnvironment = "APP"),
  ],
);
