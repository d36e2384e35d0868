/** Why a setting of go-choria has no counterpart here. The first pattern that fits says it. */
const REASONS: readonly (readonly [pattern: RegExp, reason: string])[] = [
  [/^plugin\.choria\.stats_(?:address|port)$/, "the bridge serves /metrics itself, see bridge.http"],
  [/^plugin\.choria\.(?:network\.|broker_network$)/, "the broker's own"],
  [/^plugin\.choria\.(?:federation[._]|broker_federation$)/, "the federation broker's"],
  [/^(?:registration|registerinterval)|^plugin\.choria\.(?:registration|server|submission|machine)\./, "a node's"],
  [/^plugin\.(?:machines|scout|rpcaudit)\.|^rpc|^plugin\.choria\.(?:agent_provider|status_)/, "a node's"],
  [/^(?:libdir|classesfile|plugin\.yaml)$|^plugin\.choria\.(?:prometheus_|legacy_lifecycle)/, "a node's"],
  [/discovery|^color$|^plugin\.login\.|require_client_filter$|\.services\.registry\./, "a client's"],
  [/\.request_signer\./, "a client's: the bridge signs no requests"],
  [/puppet(?:server|ca|db)_/, "the bridge asks no Puppet server for anything"],
  [/\.(?:cipher_suites|ecc_curves)$/, "the bridge takes what Node and OpenSSL offer"],
  [/soft_shutdown_timeout$/, "see bridge.shutdownTimeout"],
  [/^logfile$/, "the bridge logs to standard error"],
  [/^plugin\.security\.(?:certmanager|pkcs11)\./, "how the broker gets its certificate"],
  [/support_legacy_certificates$/, "certificates without alternative names are taken by their common name"],
  [/^plugin\.security\.choria\.(?:certificate|key)$/, "the broker's own: whoever connects with a token needs none"],
  [/_anon_tls$/, "the bridge checks the broker's certificate and shows its own"],
  [/^plugin\.choria\.(?:use_srv|srv_domain)$/, "the brokers are named"],
  [/^(?:identity|main_collective)$/, "the broker's own"],
  [/^plugin\.security\.(?:file|choria|issuer)\./, "of another security provider than the one in use"],
  [/^plugin\.choria\.(?:ssldir|security\.)/, "of another security provider than the one in use"],
  [/^plugin\.nats\./, "not sent together with what is"],
];

/** go-choria looks these up by name. */
const LOOKED_UP =
  /^plugin\.choria\.network\.(?:gateway_remote|leafnode_remote)\.[^.]+\.(?:urls?|account|credentials|tls\.(?:cert|key|ca|verify|disable))$|^plugin\.choria\.network\.mapping\.[^.]+\.(?:source|destination)$|^plugin\.security\.issuer\.[^.]+\.public$|^plugin\.(?:actionpolicy\.(?:allow_unconfigured|enable_default|default_name)|regopolicy\.tracing)$/;

/** Every setting of go-choria v0.29.4, from config/docstrings.go. */
const KEYS = `
registration registration_collective registerinterval registration_splay collectives main_collective logfile loglevel
libdir identity color classesfile discovery_timeout rpcaudit rpcauthorization rpcauthprovider rpclimitmethod ttl
default_discovery_method plugin.yaml default_discovery_options soft_shutdown_timeout
plugin.choria.puppetserver_host plugin.choria.puppetserver_port plugin.choria.puppetca_host plugin.choria.puppetca_port
plugin.choria.puppetdb_host plugin.choria.puppetdb_port plugin.choria.use_srv plugin.choria.srv_domain
plugin.choria.server.provision plugin.choria.server.provision.allow_update plugin.choria.discovery.external.command
plugin.choria.discovery.inventory.source plugin.choria.discovery.broadcast.windowed_timeout
plugin.choria.federation.collectives plugin.choria.federation_middleware_hosts plugin.choria.federation.cluster
plugin.choria.stats_address plugin.choria.stats_port plugin.choria.legacy_lifecycle_format plugin.nats.user
plugin.nats.pass plugin.nats.credentials plugin.choria.middleware_hosts plugin.choria.network.client_hosts
plugin.choria.network.public_url plugin.choria.network.client_port plugin.choria.network.client_tls_force_required
plugin.choria.network.client_signer_cert plugin.choria.network.deny_server_connections
plugin.choria.network.stream.event_retention plugin.choria.network.stream.event_replicas
plugin.choria.network.gateway_name plugin.choria.network.gateway_port plugin.choria.network.gateway_remotes
plugin.choria.network.stream.leader_election_replicas plugin.choria.network.stream.leader_election_ttl
plugin.choria.network.leafnode_port plugin.choria.network.leafnode_remotes plugin.choria.network.listen_address
plugin.choria.network.stream.machine_retention plugin.choria.network.stream.machine_replicas
plugin.choria.network.mapping.names plugin.choria.network.peer_password plugin.choria.network.peer_port
plugin.choria.network.peer_user plugin.choria.network.peers plugin.choria.network.pprof_port
plugin.choria.network.provisioning.client_password plugin.choria.network.provisioning.provisioner_without_token
plugin.choria.network.provisioning.signer_cert plugin.choria.network.server_signer_cert
plugin.choria.network.stream.advisory_retention plugin.choria.network.stream.advisory_replicas
plugin.choria.network.stream.manage_streams plugin.choria.network.stream.store plugin.choria.network.system.password
plugin.choria.network.system.user plugin.choria.network.tls_timeout plugin.choria.network.websocket_advertise
plugin.choria.network.websocket_port plugin.choria.network.write_deadline plugin.choria.network.soft_shutdown_timeout
plugin.choria.broker_network plugin.choria.broker_federation plugin.choria.adapters
plugin.choria.registration.file_content.data plugin.choria.registration.file_content.target
plugin.choria.registration.file_content.compression plugin.choria.registration.inventory_content.compression
plugin.choria.registration.inventory_content.target plugin.choria.agent_provider.mcorpc.agent_shim
plugin.choria.agent_provider.mcorpc.config plugin.choria.agent_provider.mcorpc.libdir plugin.security.provider
plugin.security.server_anon_tls plugin.security.client_anon_tls plugin.login.aaasvc.login.url
plugin.security.cipher_suites plugin.security.ecc_curves plugin.security.issuer.names
plugin.choria.security.server.token_file plugin.choria.security.server.seed_file plugin.choria.ssldir
plugin.choria.security.privileged_users plugin.choria.security.certname_whitelist
plugin.security.support_legacy_certificates plugin.choria.security.request_signer.seed_file
plugin.choria.security.request_signer.token_file plugin.choria.security.request_signer.url
plugin.choria.security.request_signer.service plugin.security.choria.trusted_signers plugin.security.choria.certificate
plugin.security.choria.key plugin.security.choria.ca plugin.security.choria.token_file plugin.security.choria.seed_file
plugin.security.choria.sign_replies plugin.security.file.certificate plugin.security.file.key plugin.security.file.ca
plugin.security.certmanager.namespace plugin.security.certmanager.issuer plugin.security.certmanager.replace
plugin.security.certmanager.alt_names plugin.security.certmanager.api_version plugin.security.pkcs11.driver_file
plugin.security.pkcs11.slot plugin.choria.machine.store plugin.choria.machine.signing_key plugin.choria.status_file_path
plugin.choria.status_update_interval plugin.choria.prometheus_textfile_directory plugin.scout.overrides
plugin.scout.tags plugin.scout.agent_disabled plugin.scout.goss.denied_local_resources
plugin.scout.goss.denied_remote_resources plugin.choria.require_client_filter plugin.choria.services.registry.store
plugin.choria.services.registry.cache plugin.choria.submission.spool plugin.choria.submission.max_spool_size
plugin.rpcaudit.logfile plugin.rpcaudit.logfile.group plugin.rpcaudit.logfile.mode plugin.machines.download
plugin.machines.bucket plugin.machines.key plugin.machines.purge plugin.machines.poll_interval
plugin.machines.check_interval plugin.machines.signing_key
`;

export const KNOWN_SETTINGS: ReadonlySet<string> = new Set(KEYS.trim().split(/\s+/));

/** Why a setting that go-choria knows is left out; null for one that it does not know. */
export function reasonLeftOut(key: string): string | null {
  if (!KNOWN_SETTINGS.has(key) && !LOOKED_UP.test(key)) return null;
  return REASONS.find(([pattern]) => pattern.test(key))?.[1] ?? "it does not concern the bridge";
}
