# The sql room and the store.
unit_test(database restante_sql)
unit_test(gather_vfs restante_sql)

add_library(store_fixture STATIC store_fixture.c)
target_link_libraries(store_fixture PUBLIC restante_store SQLite::SQLite3 PkgConfig::CMOCKA
	Threads::Threads)
target_include_directories(store_fixture PUBLIC ${PROJECT_SOURCE_DIR})
foreach(name mail canonical plans maildrop listing lock delivery admin files writer)
	unit_test(store_${name} store_fixture)
endforeach()
