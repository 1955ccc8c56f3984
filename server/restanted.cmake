# restanted: acceptor, pool, hashers and one driver per protocol. All but main.c is a library, so
# that tests can link it.
add_library(restante_pool STATIC acceptor.c admission.c ban_hooks.c bans.c certificates.c connection.c
	drain.c hasher.c limiter.c lmtp_client.c lmtp_deliver.c lmtp_driver.c lmtp_provide.c message_id.c
	pop3_driver.c pop3_finish.c pop3_limit.c pop3_line.c pop3_login.c pop3_sasl.c prelude.c proxied.c recent.c
	refusal.c service.c sessions.c table.c timers.c transaction.c turn.c worker.c)
target_include_directories(restante_pool PUBLIC ${PROJECT_SOURCE_DIR}/server)
target_compile_definitions(restante_pool PUBLIC RESTANTE_VERSION="${PROJECT_VERSION}")
target_link_libraries(restante_pool PUBLIC restante_net restante_pop3 restante_lmtp
	restante_store restante_auth restante_config restante_server_parts
	restante_home OpenSSL::Crypto Threads::Threads)

add_executable(restanted main.c)
target_link_libraries(restanted PRIVATE restante_pool)
install(TARGETS restanted RUNTIME DESTINATION ${CMAKE_INSTALL_SBINDIR})
