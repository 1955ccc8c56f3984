# restanted below its threads: log, configuration, sockets, privileges, control, housekeeping.
unit_test(log restante_base Threads::Threads)
target_link_options(test_log PRIVATE -Wl,--wrap=syslog,--wrap=__syslog_chk)
unit_test(words restante_base)
unit_test(config restante_config restante_base)
target_compile_definitions(test_config PRIVATE
	CONFIG_EXAMPLE_FILE="${PROJECT_SOURCE_DIR}/server/config_example.conf")
unit_test(config_address restante_config restante_base)
unit_test(unix_socket restante_startup)
unit_test(listener restante_startup restante_net)
unit_test(notify restante_startup)
unit_test(privilege restante_startup)

# With fakes in the place of the store and the accounts.
unit_test(control restante_startup Threads::Threads)
target_sources(test_control PRIVATE ${PROJECT_SOURCE_DIR}/server/control.c
	${PROJECT_SOURCE_DIR}/server/control_lines.c ${PROJECT_SOURCE_DIR}/server/control_reply.c
	${PROJECT_SOURCE_DIR}/server/control_verbs.c)
unit_test(housekeeper restante_base OpenSSL::Crypto Threads::Threads)
target_sources(test_housekeeper PRIVATE ${PROJECT_SOURCE_DIR}/server/housekeeper.c)
