add_executable(dialogue_lmtp lmtp_runner.c)
target_link_libraries(dialogue_lmtp PRIVATE dialogue restante_lmtp)
dialogue_tests(lmtp)
