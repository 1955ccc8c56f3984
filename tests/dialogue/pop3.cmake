add_library(pop3_fake STATIC pop3_fake.c)
target_include_directories(pop3_fake PUBLIC ${CMAKE_CURRENT_SOURCE_DIR})
target_link_libraries(pop3_fake PUBLIC restante_pop3)

add_executable(dialogue_pop3 pop3_runner.c)
target_link_libraries(dialogue_pop3 PRIVATE dialogue pop3_fake)
dialogue_tests(pop3)
