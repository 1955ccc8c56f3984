# The configuration, which the tool reads as well; and the parts of restanted below its threads.
set(config_example ${CMAKE_CURRENT_BINARY_DIR}/config_example.c)
add_custom_command(OUTPUT ${config_example}
	COMMAND ${CMAKE_COMMAND} -DIN=${CMAKE_CURRENT_SOURCE_DIR}/config_example.conf
		-DOUT=${config_example} -DSYMBOL=config_example_text
		-P ${PROJECT_SOURCE_DIR}/cmake/embed.cmake
	DEPENDS config_example.conf ${PROJECT_SOURCE_DIR}/cmake/embed.cmake VERBATIM)
add_library(restante_config STATIC config.c config_address.c config_network.c config_options.c
	config_parse.c config_show.c config_text.c config_value.c
	config_words.c ${config_example})
target_link_libraries(restante_config PUBLIC restante_base PRIVATE PkgConfig::CONFUSE Threads::Threads)

# Sockets, service manager, privileges: what start-up needs.
add_library(restante_startup STATIC inherited.c listener.c notify.c privilege.c unix_socket.c)
target_link_libraries(restante_startup PUBLIC restante_config restante_base)

# The threads beside the pool. Their tests link fakes of the store and the accounts.
set(control_sources control.c control_lines.c control_reply.c control_verbs.c)
add_library(restante_server_parts STATIC ${control_sources} housekeeper.c)
target_link_libraries(restante_server_parts PUBLIC restante_startup restante_store restante_auth
	PRIVATE OpenSSL::Crypto Threads::Threads)
