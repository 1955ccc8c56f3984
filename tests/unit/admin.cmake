unit_test(admin_commands restante_admin)
unit_test(admin_assign restante_admin)
unit_test(admin_lmtp_client restante_admin)
unit_test(admin_control_client restante_admin)
unit_test(admin_manifest restante_admin)
unit_test(home restante_home restante_store restante_auth)

# The tool as a program: alone, and beside a server.
find_package(Python3 REQUIRED COMPONENTS Interpreter)
function(tool_test name)
	add_test(NAME live.tool_${name}
		COMMAND ${Python3_EXECUTABLE} -m unittest -v test_${name}
		WORKING_DIRECTORY ${PROJECT_SOURCE_DIR}/tests/live/tool)
	set(environment "RESTANTE=$<TARGET_FILE:restante>" PYTHONDONTWRITEBYTECODE=1)
	if(TARGET restanted)
		list(APPEND environment "RESTANTED=$<TARGET_FILE:restanted>")
	endif()
	set_tests_properties(live.tool_${name} PROPERTIES ENVIRONMENT "${environment}")
endfunction()
tool_test(alone)
if(TARGET restanted)
	tool_test(beside)
endif()
